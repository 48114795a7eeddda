/** A job for benchmarks, as a static program of a few hundred bytes: what it has in memory and how fast it writes there are exactly what was asked for. */

export interface Load {
  /** Memory it has besides a page or two. */
  bytes: number
  /** Bytes of its memory that it writes to each second, page by page and round and round; 0: none. */
  dirtyBytesPerSecond: number
}

const PAGE_BYTES = 4_096
const TICKS_PER_SECOND = 100
const TICK_NS = 1_000_000_000 / TICKS_PER_SECOND
/** Where the kernel puts the file. */
const BASE = 0x40_0000
const HEADERS_BYTES = 64 + 56

/** An ELF file for x86-64 Linux. It fills its memory, then writes to a part of it a hundred times a second, for ever. */
export function loadProgram({ bytes, dirtyBytesPerSecond }: Load): Buffer {
  const code = machineCode(bytes, Math.round(dirtyBytesPerSecond / PAGE_BYTES / TICKS_PER_SECOND))
  const file = Buffer.alloc(HEADERS_BYTES + code.length)
  // The ELF header: 64 bits, little-endian, executable, x86-64, one program header (elf(5)).
  file.write('\u007fELF\u0002\u0001\u0001', 'latin1')
  file.writeUInt16LE(2, 16)
  file.writeUInt16LE(62, 18)
  file.writeUInt32LE(1, 20)
  file.writeBigUInt64LE(BigInt(BASE + HEADERS_BYTES), 24)
  file.writeBigUInt64LE(64n, 32)
  for (const [at, value] of [[52, 64], [54, 56], [56, 1]] as const) file.writeUInt16LE(value, at)
  // The program header: load all of the file, to be read and run.
  file.writeUInt32LE(1, 64)
  file.writeUInt32LE(5, 68)
  for (const [at, value] of [[80, BASE], [88, BASE], [96, file.length], [104, file.length], [112, PAGE_BYTES]] as const) file.writeBigUInt64LE(BigInt(value), at)
  code.copy(file, HEADERS_BYTES)
  return file
}

function machineCode(bytes: number, pagesPerTick: number): Buffer {
  return Buffer.from([
    0xb8, ...u32(9), // mov eax, mmap
    0x31, 0xff, // xor edi, edi: anywhere
    0xbe, ...u32(bytes), // mov esi, bytes
    0xba, ...u32(3), // mov edx, PROT_READ | PROT_WRITE
    0x41, 0xba, ...u32(0x22), // mov r10d, MAP_PRIVATE | MAP_ANONYMOUS
    0x49, 0xc7, 0xc0, ...u32(0xffff_ffff), // mov r8, -1: no file
    0x45, 0x31, 0xc9, // xor r9d, r9d
    0x0f, 0x05, // syscall
    0x49, 0x89, 0xc4, // mov r12, rax: first byte
    0x49, 0x89, 0xc5, // mov r13, rax: the page it is at
    0x49, 0x8d, 0x9c, 0x24, ...u32(bytes), // lea rbx, [r12 + bytes]: end
    // fill:
    0x4d, 0x89, 0x6d, 0x00, // mov [r13], r13
    0x49, 0x81, 0xc5, ...u32(PAGE_BYTES), // add r13, page
    0x49, 0x39, 0xdd, // cmp r13, rbx
    0x72, 0xf0, // jb fill
    // tick:
    0x41, 0xbe, ...u32(pagesPerTick), // mov r14d, pages
    // next:
    0x45, 0x85, 0xf6, // test r14d, r14d
    0x74, 0x18, // jz sleep
    0x49, 0x39, 0xdd, // cmp r13, rbx
    0x72, 0x03, // jb within
    0x4d, 0x89, 0xe5, // mov r13, r12
    // within:
    0x49, 0xff, 0x45, 0x00, // inc qword [r13]
    0x49, 0x81, 0xc5, ...u32(PAGE_BYTES), // add r13, page
    0x41, 0xff, 0xce, // dec r14d
    0xeb, 0xe3, // jmp next
    // sleep:
    0x68, ...u32(TICK_NS), // push nanoseconds
    0x6a, 0x00, // push seconds
    0xb8, ...u32(35), // mov eax, nanosleep
    0x48, 0x89, 0xe7, // mov rdi, rsp
    0x31, 0xf6, // xor esi, esi
    0x0f, 0x05, // syscall
    0x48, 0x83, 0xc4, 0x10, // add rsp, 16
    0xeb, 0xc4, // jmp tick
  ])
}

function u32(value: number): number[] {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return [...bytes]
}
