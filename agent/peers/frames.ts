/** One message of a framed channel: `kind` is a byte whose meaning the channel defines. */
export interface Frame {
  kind: number
  body: Buffer
}

export const FRAME_LIMIT_BYTES = 1024 * 1024
const HEAD_BYTES = 5

/** A frame on the wire: the body's length as 4 bytes (big-endian), the kind as 1 byte, the body. Throws RangeError above {@link FRAME_LIMIT_BYTES}. */
export function encodeFrame(kind: number, body: Uint8Array = Buffer.alloc(0)): Buffer {
  if (body.length > FRAME_LIMIT_BYTES) throw new RangeError(`a frame of ${body.length} bytes; ${FRAME_LIMIT_BYTES} are the limit`)
  const frame = Buffer.allocUnsafe(HEAD_BYTES + body.length)
  frame.writeUInt32BE(body.length, 0)
  frame.writeUInt8(kind, 4)
  frame.set(body, HEAD_BYTES)
  return frame
}

/**
 * Gives a function that takes pieces of a byte stream and gives the frames they complete. It holds at most one unfinished frame, without
 * copying it again for each piece. Throws RangeError for a frame above {@link FRAME_LIMIT_BYTES}; the stream is of no more use then.
 */
export function frameSplitter(): (piece: Buffer) => Frame[] {
  let pieces: Buffer[] = []
  let heldBytes = 0
  /** Bytes needed before anything can be said: a head, or a head and its body. */
  let wantedBytes = HEAD_BYTES
  return (piece) => {
    pieces.push(piece)
    heldBytes += piece.length
    if (heldBytes < wantedBytes) return []
    let data = pieces.length === 1 ? piece : Buffer.concat(pieces)
    const frames: Frame[] = []
    wantedBytes = HEAD_BYTES
    while (data.length >= HEAD_BYTES) {
      const bodyBytes = data.readUInt32BE(0)
      if (bodyBytes > FRAME_LIMIT_BYTES) throw new RangeError(`a frame of ${bodyBytes} bytes; ${FRAME_LIMIT_BYTES} are the limit`)
      wantedBytes = HEAD_BYTES + bodyBytes
      if (data.length < wantedBytes) break
      frames.push({ kind: data.readUInt8(4), body: data.subarray(HEAD_BYTES, wantedBytes) })
      data = data.subarray(wantedBytes)
      wantedBytes = HEAD_BYTES
    }
    pieces = data.length === 0 ? [] : [data]
    heldBytes = data.length
    return frames
  }
}
