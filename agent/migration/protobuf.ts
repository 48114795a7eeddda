/**
 * As much of protobuf as CRIU's images need. An image is two magic numbers and then messages, each behind its length (4 bytes, little-endian). Of
 * protobuf only numbers, texts and nested messages are read and written.
 */

const HEAD_BYTES = 8
const LENGTH_BYTES = 4
const IMAGE_LIMIT_BYTES = 1024 * 1024

/** Numbers, and the bytes of texts and messages. */
export type Fields = ReadonlyMap<number, bigint | Uint8Array>

/** All messages of an image. Throws RangeError when it is none. */
export function messages(image: Uint8Array): Uint8Array[] {
  if (image.length < HEAD_BYTES || image.length > IMAGE_LIMIT_BYTES) throw new RangeError(`an image of ${image.length} bytes`)
  const view = new DataView(image.buffer, image.byteOffset, image.length)
  const found: Uint8Array[] = []
  for (let at = HEAD_BYTES; at < image.length;) {
    if (at + LENGTH_BYTES > image.length) throw new RangeError('the image ends within a length')
    const from = at + LENGTH_BYTES
    at = from + view.getUint32(at, true)
    if (at > image.length) throw new RangeError(found.length === 0 ? 'the image ends within its first message' : 'the image ends within a message')
    found.push(image.subarray(from, at))
  }
  return found
}

/** Field by number; of repeated fields the last. Throws RangeError for what is no message. */
export function fields(message: Uint8Array): Fields {
  const found = new Map<number, bigint | Uint8Array>()
  let at = 0
  const number = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at++]
      if (byte === undefined) throw new RangeError('the message ends within a number')
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw new RangeError('a number of more than 10 bytes')
  }
  while (at < message.length) {
    const tag = Number(number())
    const wire = tag & 7
    if (wire === 0) found.set(tag >> 3, number())
    else if (wire === 2) {
      const length = Number(number())
      if (at + length > message.length) throw new RangeError('a field is longer than its message')
      found.set(tag >> 3, message.subarray(at, at + length))
      at += length
    } else throw new RangeError(`wire type ${wire}`)
  }
  return found
}

/** One field as it stands in a message. */
export function field(number: number, value: number | string): Uint8Array {
  if (typeof value === 'number') return Buffer.concat([varint(number * 8), varint(value)])
  const bytes = Buffer.from(value)
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes])
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let left = BigInt(value)
  do {
    const low = Number(left & 0x7fn)
    left >>= 7n
    bytes.push(left === 0n ? low : low | 0x80)
  } while (left !== 0n)
  return Uint8Array.from(bytes)
}
