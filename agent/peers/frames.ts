/** One message of a framed channel: `kind` is a byte whose meaning the channel defines. */
export interface Frame {
  kind: number
  body: Buffer
  /** How it came: head and body, in one piece or several. To be sent on like that. */
  pieces?: readonly Uint8Array[]
}

export const FRAME_LIMIT_BYTES = 1024 * 1024
export const FRAME_HEAD_BYTES = 5
/** Copying less than this into one buffer is cheaper than writing two. */
const SMALL_BYTES = 4 * 1024

/** A frame on the wire: the body's length as 4 bytes (big-endian), the kind as 1 byte, the body. Throws RangeError above {@link FRAME_LIMIT_BYTES}. */
export function encodeFrame(kind: number, ...body: readonly Uint8Array[]): Buffer {
  return Buffer.concat([frameHead(kind, body), ...body])
}

/** The same, but what is large in it is not copied. */
export function encodeInPieces(kind: number, ...body: readonly Uint8Array[]): readonly Uint8Array[] {
  return totalBytes(body) < SMALL_BYTES ? [encodeFrame(kind, ...body)] : [frameHead(kind, body), ...body]
}

function frameHead(kind: number, body: readonly Uint8Array[]): Buffer {
  const bytes = totalBytes(body)
  if (bytes > FRAME_LIMIT_BYTES) throw new RangeError(`a frame of ${bytes} bytes; ${FRAME_LIMIT_BYTES} are the limit`)
  const head = Buffer.allocUnsafe(FRAME_HEAD_BYTES)
  head.writeUInt32BE(bytes, 0)
  head.writeUInt8(kind, 4)
  return head
}

/** What the first {@link FRAME_HEAD_BYTES} of a frame say. Throws RangeError for a frame above {@link FRAME_LIMIT_BYTES}. */
export function decodeFrameHead(head: Buffer): { kind: number; bodyBytes: number } {
  const bodyBytes = head.readUInt32BE(0)
  if (bodyBytes > FRAME_LIMIT_BYTES) throw new RangeError(`a frame of ${bodyBytes} bytes; ${FRAME_LIMIT_BYTES} are the limit`)
  return { kind: head.readUInt8(4), bodyBytes }
}

function totalBytes(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((total, piece) => total + piece.length, 0)
}

class ReceivedFrame implements Frame {
  readonly kind: number
  readonly pieces: readonly Buffer[]

  constructor(kind: number, pieces: readonly Buffer[]) {
    this.kind = kind
    this.pieces = pieces
  }

  /** In one piece, for those that look into it: copied if it came in several. */
  get body(): Buffer {
    const [first, ...others] = this.pieces
    return (first !== undefined && others.length === 0 ? first : Buffer.concat(this.pieces)).subarray(FRAME_HEAD_BYTES)
  }
}

/**
 * Gives a function that takes pieces of a byte stream and gives the frames they complete. It holds at most one unfinished frame and copies
 * nothing. Throws RangeError for a frame above {@link FRAME_LIMIT_BYTES}; the stream is of no more use then.
 */
export function frameSplitter(): (piece: Buffer) => Frame[] {
  const queue = new PieceQueue()
  /** Bytes needed before anything can be said: a head, or a head and its body. */
  let wantedBytes = FRAME_HEAD_BYTES
  return (piece) => {
    queue.push(piece)
    const frames: Frame[] = []
    while (queue.bytes >= wantedBytes) {
      const { kind, bodyBytes } = decodeFrameHead(queue.peek(FRAME_HEAD_BYTES))
      wantedBytes = FRAME_HEAD_BYTES + bodyBytes
      if (queue.bytes < wantedBytes) break
      frames.push(new ReceivedFrame(kind, queue.take(wantedBytes)))
      wantedBytes = FRAME_HEAD_BYTES
    }
    return frames
  }
}

/** Bytes in the pieces they came in. */
class PieceQueue {
  #pieces: Buffer[] = []
  bytes = 0

  push(piece: Buffer): void {
    if (piece.length === 0) return
    this.#pieces.push(piece)
    this.bytes += piece.length
  }

  /** The first bytes, of which there must be enough. */
  peek(bytes: number): Buffer {
    const [first] = this.#pieces
    return first !== undefined && first.length >= bytes ? first : Buffer.concat(this.#pieces)
  }

  take(bytes: number): Buffer[] {
    const taken: Buffer[] = []
    this.bytes -= bytes
    for (let wanted = bytes; wanted > 0;) {
      const piece = this.#pieces.shift() ?? Buffer.alloc(0)
      taken.push(piece.subarray(0, wanted))
      if (piece.length > wanted) this.#pieces.unshift(piece.subarray(wanted))
      wanted -= Math.min(piece.length, wanted)
    }
    return taken
  }
}
