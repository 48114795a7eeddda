import { fields, messages, type Fields } from './protobuf.ts'

/** The few numbers Plump reads from CRIU's images: `stats-dump` and `cpuinfo.img` (criu's images/stats.proto and images/cpuinfo.proto). */

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

function firstMessage(image: Uint8Array): Fields {
  const [first] = messages(image)
  if (first === undefined) throw new RangeError('an image without a message')
  return fields(first)
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
