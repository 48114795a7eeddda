import { setTimeout as pause } from 'node:timers/promises'
import { Acknowledger } from './acknowledger.ts'
import { FRAME, encodeData, encodePosition, type StreamNumber } from './link.ts'
import type { KeeperCommand, KeeperEnd } from './keeper.ts'
import { drainPipe, openPipeReader, openPipeWriter, type PipeReader, type PipeWriter } from './pipe-ends.ts'
import { INPUT_WINDOW_BYTES, OUTPUT_WINDOW_BYTES, StreamReceiver, StreamSender, UNKNOWN_OFFSET, type Chunk } from './streams.ts'

/** `script` carries what a job writes to its terminal on to the pipe; when nothing has come for this time, it has nothing left. */
const TERMINAL_QUIET_MS = 100
const TERMINAL_LOOK_MS = 20

/** Where the streams of a job stand: at its start; unknown, since another agent read them before; or as another node handed them over. */
export type StdioState = { from: 'start' } | { from: 'unknown' } | ({ from: 'node' } & StdioHandOver)

/** Everything of a job's streams that another node needs to go on with them. */
export interface StdioHandOver {
  /** Bytes of stdin below `offset` are the job's; those of `unread`, the last of them, it has not read yet. */
  stdin: { offset: number; unread: Buffer; ended: boolean }
  /** Output from `offset` on that the user has not acknowledged. */
  stdout: { offset: number; unacknowledged: Buffer; gone: boolean }
  stderr: { offset: number; unacknowledged: Buffer; gone: boolean }
}

export interface StdioEdges {
  /** A terminal lies between the job and its pipes. */
  isTerminal: boolean
  /** To the home; dropped while it cannot be reached. */
  send(kind: number, ...body: readonly Uint8Array[]): void
  /** Has the keeper close its end of a pipe. */
  closeEnd(command: KeeperCommand): void
  /** The pipe of stdin, to read from: while the job lives, its init holds it. */
  stdinPath(): string
  /** All output has been read to its end. */
  outputEnded(): void
}

interface OutputStream {
  number: 1 | 2
  sender: StreamSender
  reader: PipeReader | undefined
  /** Both ends of the way have agreed where to go on. */
  flows: boolean
  /** Nobody reads it. */
  gone: boolean
}

/** The streams of a job at the node where it runs: between its pipes and the link to its home. */
export class JobStdio {
  readonly #edges: StdioEdges
  #stdin = new StreamReceiver()
  #stdinEnded = false
  readonly #stdinTaken = new Acknowledger(INPUT_WINDOW_BYTES, (offset) => this.#edges.send(FRAME.ack, encodePosition(0, offset)))
  #stdinAdopts = false
  #writer: PipeWriter | undefined
  #status: PipeReader | undefined
  readonly #outputs: readonly [OutputStream, OutputStream]
  #pathOf: (end: KeeperEnd) => string = () => ''

  constructor(edges: StdioEdges) {
    this.#edges = edges
    this.#outputs = [newOutput(1, 0), newOutput(2, 0)]
  }

  /** Opens the pipes of a keeper. */
  open(pathOf: (end: KeeperEnd) => string, state: StdioState, status: { status(bytes: Buffer): void; statusEnded(): void }): void {
    this.#pathOf = pathOf
    if (state.from === 'node') this.#adoptHandOver(state)
    if (state.from === 'unknown') {
      this.#stdinAdopts = true
      for (const output of this.#outputs) output.sender = new StreamSender(OUTPUT_WINDOW_BYTES, 'adopt')
    }
    this.#writer = openIfThere(() => openPipeWriter(pathOf('stdin'), { gone: () => { this.#writer = undefined } }))
    this.#stdinEnded = this.#writer === undefined
    for (const output of this.#outputs) this.#openOutput(output)
    this.#status = openPipeReader(pathOf('status'), { data: status.status, end: status.statusEnded })
    if (state.from === 'node') this.#refill(state)
  }

  /** Says from where on stdin is expected. */
  greet(): void {
    this.#edges.send(FRAME.resume, encodePosition(0, this.#stdinAdopts ? UNKNOWN_OFFSET : this.#stdin.nextOffset))
  }

  /** The user expects this offset of an output next: sends what is kept, and goes on. */
  resume({ stream, offset }: { stream: StreamNumber; offset: number }): void {
    const output = this.#output(stream)
    output.flows = true
    for (const chunk of output.sender.resumeFrom(offset)) this.#send(output, chunk)
    this.#pace(output)
    if (output.sender.ended) this.#tellEnd(output)
  }

  acknowledge({ stream, offset }: { stream: StreamNumber; offset: number }): void {
    const output = this.#output(stream)
    output.sender.acknowledge(offset)
    this.#pace(output)
  }

  /** Bytes of stdin. */
  take(chunk: Chunk): void {
    if (this.#stdinAdopts) {
      this.#stdinAdopts = false
      this.#stdin = new StreamReceiver(chunk.offset)
    }
    const fresh = this.#stdin.take(chunk)
    const behind = this.#stdin.nextOffset
    const taken = (): void => this.#stdinTaken.taken(behind)
    // Nobody reads it any more: to the user that is as if it had been read.
    if (this.#writer === undefined || fresh.length === 0) return taken()
    this.#writer.write(fresh, taken)
  }

  takeEnd(offset: number): void {
    if (this.#stdinAdopts) {
      this.#stdinAdopts = false
      this.#stdin = new StreamReceiver(offset)
    }
    if (this.#stdin.nextOffset < offset) throw new RangeError(`stdin ends at ${offset}, but only ${this.#stdin.nextOffset} bytes came`)
    if (this.#stdinEnded) return
    this.#stdinEnded = true
    this.#writer?.end()
    this.#writer = undefined
    this.#edges.closeEnd('close-stdin')
  }

  /** Nobody reads this output any more: the job's next write to it fails, as with any pipe. */
  readerGone(stream: StreamNumber): void {
    const output = this.#output(stream)
    output.gone = true
    output.reader?.close()
    this.#edges.closeEnd(stream === 1 ? 'close-stdout' : 'close-stderr')
  }

  /** The home cannot be reached: what is read from now on is kept. */
  hold(): void {
    for (const output of this.#outputs) output.flows = false
  }

  get isFlowing(): boolean {
    return this.#outputs.every((output) => output.flows)
  }

  get isOutputOver(): boolean {
    return this.#outputs.every((output) => output.sender.ended)
  }

  close(): void {
    this.#writer?.close()
    this.#writer = undefined
    this.#status?.close()
    for (const output of this.#outputs) {
      output.reader?.close()
      output.reader = undefined
    }
  }

  /**
   * For a job that stands still: takes everything out of its pipes, in both directions, and gives it with the offsets. Nothing is read or sent
   * until {@link JobStdio.thaw} or the end.
   */
  async freeze(): Promise<StdioHandOver> {
    for (const output of this.#outputs) output.reader?.pause()
    this.#drainOutputs()
    for (let quietMs = 0; this.#edges.isTerminal && quietMs < TERMINAL_QUIET_MS;) {
      await pause(TERMINAL_LOOK_MS)
      quietMs = this.#drainOutputs() ? 0 : quietMs + TERMINAL_LOOK_MS
    }
    const [stdout, stderr] = this.#outputs
    return {
      stdin: { offset: this.#stdin.nextOffset, unread: await this.#unreadStdin(), ended: this.#stdinEnded },
      stdout: { offset: stdout.sender.ackedOffset, unacknowledged: stdout.sender.kept(), gone: stdout.gone },
      stderr: { offset: stderr.sender.ackedOffset, unacknowledged: stderr.sender.kept(), gone: stderr.gone },
    }
  }

  /** The job goes on here after all: puts back what it had not read. */
  thaw(handOver: StdioHandOver): void {
    this.#refill(handOver)
    for (const output of this.#outputs) this.#pace(output)
  }

  /** Takes what is in the pipes of the outputs; false when there was nothing. */
  #drainOutputs(): boolean {
    const rests = this.#outputs.map((output) => {
      const rest = output.reader?.drain() ?? Buffer.alloc(0)
      if (rest.length > 0) this.#send(output, output.sender.push(rest))
      return rest.length
    })
    return rests.some((bytes) => bytes > 0)
  }

  /** What is in the pipe of stdin, after all that is still queued for it has gone through it. */
  async #unreadStdin(): Promise<Buffer> {
    const pieces: Buffer[] = []
    for (;;) {
      const queued = this.#writer?.hasQueue === true
      pieces.push(drainPipe(this.#edges.stdinPath()))
      if (!queued) return Buffer.concat(pieces)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  #refill({ stdin }: Pick<StdioHandOver, 'stdin'>): void {
    if (stdin.unread.length > 0) this.#writer?.write(stdin.unread, () => undefined)
    if (!stdin.ended || this.#stdinEnded) return
    this.#stdinEnded = true
    this.#writer?.end()
    this.#writer = undefined
    this.#edges.closeEnd('close-stdin')
  }

  #adoptHandOver({ stdin, stdout, stderr }: StdioHandOver): void {
    this.#stdin = new StreamReceiver(stdin.offset)
    for (const [output, state] of [[this.#outputs[0], stdout], [this.#outputs[1], stderr]] as const) {
      output.sender = new StreamSender(OUTPUT_WINDOW_BYTES, state.offset)
      if (state.unacknowledged.length > 0) output.sender.push(state.unacknowledged)
      output.gone = state.gone
    }
  }

  #openOutput(output: OutputStream): void {
    const end = output.number === 1 ? 'stdout' : 'stderr'
    output.reader = openIfThere(() => openPipeReader(this.#pathOf(end), {
      data: (bytes) => {
        const chunk = output.sender.push(bytes)
        if (output.flows) this.#send(output, chunk)
        this.#pace(output)
      },
      end: () => this.#endOutput(output),
    }))
    if (output.reader === undefined) this.#endOutput(output)
    if (output.gone) this.readerGone(output.number)
  }

  #endOutput(output: OutputStream): void {
    if (output.sender.ended) return
    output.sender.end()
    if (output.flows) this.#tellEnd(output)
    this.#edges.outputEnded()
  }

  #tellEnd(output: OutputStream): void {
    this.#edges.send(FRAME.end, encodePosition(output.number, output.sender.nextOffset))
    this.#edges.outputEnded()
  }

  /** Reads on while there is room for it. */
  #pace(output: OutputStream): void {
    if (output.sender.hasRoom) output.reader?.resume()
    else output.reader?.pause()
  }

  #send(output: OutputStream, chunk: Chunk): void {
    if (output.flows) this.#edges.send(FRAME.data, ...encodeData(output.number, chunk))
  }

  #output(stream: StreamNumber): OutputStream {
    const [stdout, stderr] = this.#outputs
    if (stream === 0) throw new RangeError('stdin is no output')
    return stream === 1 ? stdout : stderr
  }
}

function newOutput(number: 1 | 2, from: number): OutputStream {
  return { number, sender: new StreamSender(OUTPUT_WINDOW_BYTES, from), reader: undefined, flows: false, gone: false }
}

/** Opens a keeper's end; undefined when the keeper closed it already. */
function openIfThere<T>(open: () => T): T | undefined {
  try {
    return open()
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENXIO')) return undefined
    throw error
  }
}
