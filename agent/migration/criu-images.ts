/**
 * The few numbers Plump reads from CRIU's images: `stats-dump` and `cpuinfo.img`. An image is two magic numbers and then messages,
 * each behind its length (4 bytes, little-endian), in protobuf (criu's images/stats.proto and images/cpuinfo.proto). Of protobuf only what these use is
 * read: numbers and nested messages.
 */

export interface DumpStats {
  /** How long the processes stood. */
  frozenMs: number
  pagesWritten: number
  pagesScanned: number
}

export interface CpuImage {
  xfeaturesMask: bigint
  /** Bytes a process's register state takes in memory; the same on both sides, or a signal handler's stack is torn. */
  xsaveBytes: number
}

const HEAD_BYTES = 8
const IMAGE_LIMIT_BYTES = 64 * 1024

/** Reads `stats-dump` of a dump or pre-dump. Throws RangeError when it is none. */
export function parseDumpStats(image: Uint8Array): DumpStats {
  const dump = nested(firstMessage(image), 1)
  return {
    frozenMs: Math.round(Number(number(dump, 2)) / 1_000),
    pagesScanned: Number(number(dump, 5)),
    pagesWritten: Number(number(dump, 7)),
  }
}

/** Reads what `criu cpuinfo dump` wrote. Throws RangeError when it is none. */
export function parseCpuImage(image: Uint8Array): CpuImage {
  const x86 = nested(firstMessage(image), 1)
  return { xfeaturesMask: number(x86, 8), xsaveBytes: Number(number(x86, 9)) }
}

type Fields = ReadonlyMap<number, bigint | Uint8Array>

function firstMessage(image: Uint8Array): Fields {
  if (image.length < HEAD_BYTES + 4 || image.length > IMAGE_LIMIT_BYTES) throw new RangeError(`an image of ${image.length} bytes`)
  const bytes = new DataView(image.buffer, image.byteOffset).getUint32(HEAD_BYTES, true)
  const end = HEAD_BYTES + 4 + bytes
  if (end > image.length) throw new RangeError('the image ends within its first message')
  return fields(image.subarray(HEAD_BYTES + 4, end))
}

/** Field by number; of repeated fields the last. */
function fields(message: Uint8Array): Fields {
  const found = new Map<number, bigint | Uint8Array>()
  let at = 0
  const varint = (): bigint => {
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
    const tag = Number(varint())
    const wire = tag & 7
    if (wire === 0) found.set(tag >> 3, varint())
    else if (wire === 2) {
      const length = Number(varint())
      if (at + length > message.length) throw new RangeError('a field is longer than its message')
      found.set(tag >> 3, message.subarray(at, at + length))
      at += length
    } else throw new RangeError(`wire type ${wire}`)
  }
  return found
}

function nested(message: Fields, field: number): Fields {
  const value = message.get(field)
  if (!(value instanceof Uint8Array)) throw new RangeError(`field ${field} is no message`)
  return fields(value)
}

function number(message: Fields, field: number): bigint {
  const value = message.get(field) ?? 0n
  if (typeof value !== 'bigint') throw new RangeError(`field ${field} is no number`)
  return value
}
