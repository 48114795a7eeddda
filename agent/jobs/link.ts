import type { Duplex } from 'node:stream'
import { decodeFrameHead, encodeInPieces, FRAME_HEAD_BYTES, frameSplitter, type Frame } from '../peers/frames.ts'
import type { Chunk } from './streams.ts'

/**
 * What travels between a job and its user: from the node that holds the job to its home, and from there to the mosrun that waits for it.
 * The home only passes frames on; offsets and acknowledgements go from end to end.
 */
export const FRAME = {
  /** Stream, offset, bytes. */
  data: 1,
  /** Stream: it ended at this offset. */
  end: 2,
  /** Stream: all below this offset has been taken. */
  ack: 3,
  /** Both ends of the way are there (again): answer with `resume` for each stream that you receive. */
  hello: 4,
  /** Stream: go on sending at this offset. */
  resume: 5,
  /** Stream: nobody reads it any more. */
  gone: 6,
  /** JSON {@link SignalRequest}. */
  signal: 7,
  /** JSON {@link WindowSize}. */
  size: 8,
  /** JSON Outcome: the job has ended; comes behind the ends of its streams. */
  outcome: 9,
  /** The home has the outcome on record. */
  settled: 10,
  /** The terminal's suspend character was typed; JSON `{"stopped":true}` back when the job stopped by it. */
  suspend: 11,
  /** JSON JobFigures: what the job uses, for lists. */
  figures: 12,
  /** To a node that holds a job which is no longer its to hold: end it. */
  disowned: 13,
} as const

/** 0 stdin, 1 stdout, 2 stderr. */
export type StreamNumber = 0 | 1 | 2

/** A framed connection. */
export interface Link {
  send(kind: number, ...body: readonly Uint8Array[]): void
  /** Sends a frame as it came. */
  pass(frame: Frame): void
  close(): void
}

export interface LinkEvents {
  frame(frame: Frame, link: Link): void
  /** If there, it gets what `data` frames carry, in the pieces it comes in; the bytes may be overwritten once it returns. */
  output?(chunk: Chunk & { stream: StreamNumber }): void
  /** The connection has ended, whoever ended it, or broke the format. */
  closed(link: Link): void
}

/** Speaks frames over a stream. What is queued is bounded by the streams' windows. */
export function openLink(stream: Duplex, events: LinkEvents): Link {
  let open = true
  const link: Link = {
    send(kind, ...body) {
      if (open) writeTogether(stream, encodeInPieces(kind, ...body))
    },
    pass(frame) {
      if (open) writeTogether(stream, frame.pieces ?? encodeInPieces(frame.kind, frame.body))
    },
    close() {
      open = false
      stream.end()
    },
  }
  const take = events.output === undefined ? wholeFrames((frame) => events.frame(frame, link)) : outputInPieces(events.output.bind(events), (frame) => events.frame(frame, link))
  stream.on('data', (piece: Buffer) => {
    if (!open) return
    try {
      take(piece)
    } catch (error) {
      stream.destroy(error instanceof Error ? error : new Error(String(error)))
    }
  })
  stream.on('error', () => stream.destroy())
  stream.on('close', () => {
    open = false
    events.closed(link)
  })
  stream.resume()
  return link
}

function wholeFrames(give: (frame: Frame) => void): (piece: Buffer) => void {
  const split = frameSplitter()
  return (piece) => {
    for (const frame of split(piece)) give(frame)
  }
}

/** Copies all frames but `data`, of which only the head is: so a whole stream can be read into one buffer. */
function outputInPieces(output: NonNullable<LinkEvents['output']>, give: (frame: Frame) => void): (piece: Buffer) => void {
  /** What is here of a frame, or of the head and position of one that carries data. */
  let held = Buffer.alloc(0)
  let data = { stream: 0 as StreamNumber, offset: 0, bytesLeft: 0 }
  const takeData = (bytes: Buffer): void => {
    const { stream, offset, bytesLeft } = data
    data = { stream, offset: offset + bytes.length, bytesLeft: bytesLeft - bytes.length }
    output({ stream, offset, bytes })
  }
  const takeHeld = (): void => {
    const { kind, bodyBytes } = decodeFrameHead(held)
    const body = held.subarray(FRAME_HEAD_BYTES)
    held = Buffer.alloc(0)
    if (kind === FRAME.data) data = { ...decodePosition(body), bytesLeft: bodyBytes - POSITION_BYTES }
    else give({ kind, body })
  }
  return (piece) => {
    for (let rest = piece; rest.length > 0;) {
      const wanted = data.bytesLeft > 0 ? data.bytesLeft : bytesToHold(held) - held.length
      const bytes = rest.subarray(0, wanted)
      rest = rest.subarray(bytes.length)
      if (data.bytesLeft > 0) takeData(bytes)
      else {
        held = Buffer.concat([held, bytes])
        if (held.length >= FRAME_HEAD_BYTES && held.length === bytesToHold(held)) takeHeld()
      }
    }
  }
}

/** Of a frame of which this much is here: how much of it must be, before anything can be made of it. */
function bytesToHold(held: Buffer): number {
  if (held.length < FRAME_HEAD_BYTES) return FRAME_HEAD_BYTES
  const { kind, bodyBytes } = decodeFrameHead(held)
  return FRAME_HEAD_BYTES + (kind === FRAME.data ? Math.min(POSITION_BYTES, bodyBytes) : bodyBytes)
}

/** In one system call. */
function writeTogether(stream: Duplex, pieces: readonly Uint8Array[]): void {
  if (pieces.length > 1) stream.cork()
  for (const piece of pieces) stream.write(piece)
  if (pieces.length > 1) stream.uncork()
}

const POSITION_BYTES = 9

/** Stream and offset, as in `end`, `ack`, `resume` and the head of `data`. */
export function encodePosition(stream: StreamNumber, offset: number): Buffer {
  const body = Buffer.allocUnsafe(POSITION_BYTES)
  body.writeUInt8(stream, 0)
  body.writeBigUInt64BE(BigInt(offset), 1)
  return body
}

/** Throws RangeError for what is none. */
export function decodePosition(body: Buffer): { stream: StreamNumber; offset: number } {
  const stream = body.length < POSITION_BYTES ? 255 : body.readUInt8(0)
  const offset = body.length < POSITION_BYTES ? 0 : Number(body.readBigUInt64BE(1))
  if ((stream !== 0 && stream !== 1 && stream !== 2) || !Number.isSafeInteger(offset)) throw new RangeError('no position in a stream')
  return { stream, offset }
}

/** The body of a `data` frame, in two pieces. */
export function encodeData(stream: StreamNumber, chunk: Chunk): readonly [position: Buffer, bytes: Buffer] {
  return [encodePosition(stream, chunk.offset), chunk.bytes]
}

/** Throws RangeError for what is none. */
export function decodeData(body: Buffer): Chunk & { stream: StreamNumber } {
  return { ...decodePosition(body), bytes: body.subarray(POSITION_BYTES) }
}

export function encodeJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
