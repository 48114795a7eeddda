/**
 * Reads what the dynamic linker would: the shared libraries a program asks for. Format: System V gABI, "Object Files" and
 * "Dynamic Linking"; only 64-bit little-endian files are read, the ones an amd64 node can run.
 */

const PT_LOAD = 1
const PT_DYNAMIC = 2
const PT_INTERP = 3
const DT_NULL = 0
const DT_NEEDED = 1
const DT_STRTAB = 5
const PROGRAM_HEADERS_LIMIT = 1_000
const DYNAMIC_ENTRIES_LIMIT = 10_000

export interface ElfNeeds {
  /** Names of libraries, as in `libc.so.6`. */
  libraries: string[]
  /** The dynamic linker, as in `/lib64/ld-linux-x86-64.so.2`; undefined for libraries and static programs. */
  interpreter: string | undefined
}

interface Segment {
  type: number
  offset: number
  address: number
  bytes: number
}

/** What an ELF file needs; undefined when the bytes are not an ELF file an amd64 node can run. Throws RangeError when it is cut short. */
export function elfNeeds(file: Buffer): ElfNeeds | undefined {
  const isElf64 = file.length >= 64 && file.readUInt32BE(0) === 0x7f454c46 && file[4] === 2 && file[5] === 1
  if (!isElf64) return undefined
  const segments = programHeaders(file)
  const interpreter = segments.find(({ type }) => type === PT_INTERP)
  return {
    libraries: neededLibraries(file, segments),
    interpreter: interpreter === undefined ? undefined : textAt(file, interpreter.offset),
  }
}

function programHeaders(file: Buffer): Segment[] {
  const start = Number(file.readBigUInt64LE(32))
  const size = file.readUInt16LE(54)
  const count = Math.min(file.readUInt16LE(56), PROGRAM_HEADERS_LIMIT)
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * size
    return {
      type: file.readUInt32LE(at),
      offset: Number(file.readBigUInt64LE(at + 8)),
      address: Number(file.readBigUInt64LE(at + 16)),
      bytes: Number(file.readBigUInt64LE(at + 32)),
    }
  })
}

function neededLibraries(file: Buffer, segments: readonly Segment[]): string[] {
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC)
  if (!dynamic) return []
  const names: number[] = []
  let strings = 0
  const count = Math.min(Math.floor(dynamic.bytes / 16), DYNAMIC_ENTRIES_LIMIT)
  for (let index = 0; index < count; index++) {
    const tag = Number(file.readBigInt64LE(dynamic.offset + index * 16))
    const value = Number(file.readBigUInt64LE(dynamic.offset + index * 16 + 8))
    if (tag === DT_NULL) break
    if (tag === DT_NEEDED) names.push(value)
    if (tag === DT_STRTAB) strings = fileOffset(segments, value)
  }
  return names.map((name) => textAt(file, strings + name))
}

function fileOffset(segments: readonly Segment[], address: number): number {
  const holder = segments.find(({ type, address: start, bytes }) => type === PT_LOAD && address >= start && address < start + bytes)
  if (!holder) throw new RangeError('the string table lies in no segment')
  return address - holder.address + holder.offset
}

function textAt(file: Buffer, offset: number): string {
  const end = file.indexOf(0, offset)
  if (offset < 0 || end < 0) throw new RangeError('a name lies outside the file')
  return file.toString('latin1', offset, end)
}
