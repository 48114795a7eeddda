/** The part of 9P2000.L (the protocol of the kernel's v9fs, Documentation/filesystems/9p.rst) that a folder of small texts needs: encode and decode. */

export const MESSAGE = {
  error: 7, statfs: 8, open: 12, getattr: 24, setattr: 26, readdir: 40, fsync: 50, version: 100, attach: 104, flush: 108, walk: 110, read: 116, write: 118, clunk: 120,
} as const
export const VERSION = '9P2000.L'
export const NO_FID = 0xffff_ffff
export const HEAD_BYTES = 7
/** Largest message either side sends. */
export const MESSAGE_LIMIT_BYTES = 64 * 1024
export const ERRNO = { EPERM: 1, ENOENT: 2, ESRCH: 3, EIO: 5, ENXIO: 6, EBADF: 9, EAGAIN: 11, EACCES: 13, EBUSY: 16, ENOTDIR: 20, EISDIR: 21, EINVAL: 22, EPROTO: 71, EOPNOTSUPP: 95, ECONNREFUSED: 111, EHOSTUNREACH: 113 } as const

export interface Qid {
  folder: boolean
  path: bigint
}

/** Reads a message's fields one after the other. Throws RangeError when one is cut off. */
export class FieldReader {
  #at = 0
  readonly #bytes: Buffer
  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }
  u16(): number {
    this.#at += 2
    return this.#bytes.readUInt16LE(this.#at - 2)
  }
  u32(): number {
    this.#at += 4
    return this.#bytes.readUInt32LE(this.#at - 4)
  }
  u64(): bigint {
    this.#at += 8
    return this.#bytes.readBigUInt64LE(this.#at - 8)
  }
  bytes(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw new RangeError('a field is cut off')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
  text(): string {
    return this.bytes(this.u16()).toString('utf8')
  }
}

/** Builds the fields of a message. */
export class FieldWriter {
  readonly #pieces: Buffer[] = []
  #put(size: number, write: (piece: Buffer) => void): this {
    const piece = Buffer.alloc(size)
    write(piece)
    this.#pieces.push(piece)
    return this
  }
  u8(value: number): this {
    return this.#put(1, (piece) => piece.writeUInt8(value))
  }
  u16(value: number): this {
    return this.#put(2, (piece) => piece.writeUInt16LE(value))
  }
  u32(value: number): this {
    return this.#put(4, (piece) => piece.writeUInt32LE(value))
  }
  u64(value: bigint): this {
    return this.#put(8, (piece) => piece.writeBigUInt64LE(value))
  }
  bytes(value: Buffer): this {
    this.#pieces.push(value)
    return this
  }
  text(value: string): this {
    const bytes = Buffer.from(value)
    return this.u16(bytes.length).bytes(bytes)
  }
  qid(qid: Qid): this {
    return this.u8(qid.folder ? 0x80 : 0).u32(0).u64(qid.path)
  }
  toBuffer(): Buffer {
    return Buffer.concat(this.#pieces)
  }
}

/** A whole message: its size, type and tag before the fields. */
export function encodeMessage(type: number, tag: number, fields: Buffer): Buffer {
  return new FieldWriter().u32(HEAD_BYTES + fields.length).u8(type).u16(tag).bytes(fields).toBuffer()
}

export interface Message {
  type: number
  tag: number
  fields: Buffer
}

/** Gives a function that takes pieces of a byte stream and gives the messages they complete. Throws RangeError for a size that no message has. */
export function messageSplitter(): (piece: Buffer) => Message[] {
  let held: Buffer = Buffer.alloc(0)
  return (piece) => {
    held = held.length === 0 ? piece : Buffer.concat([held, piece])
    const messages: Message[] = []
    while (held.length >= 4) {
      const size = held.readUInt32LE(0)
      if (size < HEAD_BYTES || size > MESSAGE_LIMIT_BYTES) throw new RangeError(`a message of ${size} bytes`)
      if (held.length < size) break
      messages.push({ type: held.readUInt8(4), tag: held.readUInt16LE(5), fields: held.subarray(HEAD_BYTES, size) })
      held = held.subarray(size)
    }
    return messages
  }
}
