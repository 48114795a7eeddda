import { closeSync, constants, openSync, readSync } from 'node:fs'
import { Socket } from 'node:net'

const PIECE_BYTES = 64 * 1024

/** The agent's end of a pipe that a job writes to. */
export interface PipeReader {
  pause(): void
  resume(): void
  /** Everything that is in the pipe at this moment: for when the job stands still. The reader must be paused. */
  drain(): Buffer
  close(): void
}

/** The agent's end of a pipe that a job reads from. */
export interface PipeWriter {
  /** Queues bytes; `written` is called when all of them are in the pipe. */
  write(bytes: Buffer, written: () => void): void
  /** Whether bytes wait for room in the pipe. */
  readonly hasQueue: boolean
  /** Closes this end once all is written. */
  end(): void
  close(): void
}

/** Opens the reading end of a pipe, given as /proc/PID/fd/N. */
export function openPipeReader(path: string, events: { data(bytes: Buffer): void; end(): void }): PipeReader {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const socket = new Socket({ fd: descriptor, readable: true, writable: false })
  socket.on('data', (bytes: Buffer) => events.data(bytes))
  socket.on('error', () => socket.destroy())
  socket.on('close', () => events.end())
  return {
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    drain() {
      const pieces: Buffer[] = []
      for (let held: unknown = socket.read(); Buffer.isBuffer(held); held = socket.read()) pieces.push(held)
      pieces.push(...drainDescriptor(descriptor))
      return Buffer.concat(pieces)
    },
    close: () => void socket.destroy(),
  }
}

/** Opens the writing end of a pipe, given as /proc/PID/fd/N. `gone` is called when nobody can read it any more. */
export function openPipeWriter(path: string, events: { gone(): void }): PipeWriter {
  const descriptor = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
  const socket = new Socket({ fd: descriptor, readable: false, writable: true })
  let isClosed = false
  socket.on('error', () => socket.destroy())
  socket.on('close', () => {
    if (!isClosed) events.gone()
  })
  return {
    write: (bytes, written) => void socket.write(bytes, (error) => {
      if (!error) written()
    }),
    get hasQueue() {
      return socket.writableLength > 0
    },
    end() {
      isClosed = true
      socket.end()
    },
    close() {
      isClosed = true
      socket.destroy()
    },
  }
}

/** What is in a pipe right now, read through another opening of it. */
export function drainPipe(path: string): Buffer {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    return Buffer.concat(drainDescriptor(descriptor))
  } finally {
    closeSync(descriptor)
  }
}

function drainDescriptor(descriptor: number): Buffer[] {
  const pieces: Buffer[] = []
  for (;;) {
    const piece = Buffer.allocUnsafe(PIECE_BYTES)
    let bytes: number
    try {
      bytes = readSync(descriptor, piece)
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return pieces
      throw error
    }
    if (bytes === 0) return pieces
    pieces.push(piece.subarray(0, bytes))
  }
}
