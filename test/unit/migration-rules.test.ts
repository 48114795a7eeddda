import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { whyCantMove, type JobView, type OpenFile } from '../../agent/migration/cantmove.ts'
import { joinFeatures, usableFlags, whyCpuDiffers } from '../../agent/migration/cpu-features.ts'
import { parseCpuImage, parseDumpStats } from '../../agent/migration/criu-images.ts'
import { dirtyEntries, writableAreas } from '../../agent/migration/dirty-pages.ts'
import { linkRemaps } from '../../agent/migration/file-locks.ts'
import { decidePreCopy, needsPreCopy, type PreCopyState } from '../../agent/migration/precopy.ts'
import { mappedDevices } from '../../agent/migration/proc-snapshot.ts'
import { couldNotSend, reasonInLog, refusal, toCantmove } from '../../agent/migration/refusal.ts'
import { parseTcpTable } from '../../agent/migration/tcp-table.ts'
import { PROJECT_FOLDER } from '../../builder/version.ts'
import { CANTMOVE } from '../../schema/cantmove.ts'

/** Rounds of so many pages in so many milliseconds, and what the job has written to since the last of them began. */
function state(shapes: readonly (readonly [pages: number, durationMs: number])[], dirtyPages: number, cpuShare = 1): PreCopyState {
  return { rounds: shapes.map(([pages, durationMs]) => ({ pages, bytes: pages * 4_096, durationMs })), dirtyPages, cpuShare, fixedFreezeMs: 300 }
}

describe('the stop rule of pre-copy', () => {
  test('a job with little memory is dumped whole at once', () => {
    expect(needsPreCopy(500_000)).toBe(false)
    expect(needsPreCopy(8_000_000)).toBe(true)
  })
  test('a job that writes to little of what it has stands after one round', () => {
    expect(decidePreCopy(state([[60_000, 4_000]], 40))).toMatchObject({ go: 'final-dump', why: 'short-enough', estimatedFreezeMs: 303 })
  })
  test('what the wire carries in a fifth of a second is sent while it stands, more is not', () => {
    // 30 pages a millisecond.
    expect(decidePreCopy(state([[60_000, 2_000]], 6_000))).toMatchObject({ go: 'final-dump', why: 'short-enough', estimatedFreezeMs: 500 })
    expect(decidePreCopy(state([[60_000, 2_000]], 6_100))).toMatchObject({ go: 'another-round', why: 'shrinks', cpuShare: 1 })
  })
  test('on a slow wire, a mebibyte is not worth a round', () => {
    expect(decidePreCopy(state([[2_000, 4_000]], 256))).toMatchObject({ go: 'final-dump', why: 'few-pages' })
  })
  test('a job that writes as fast as the wire carries is held back until it does not, and not copied for ever', () => {
    expect(decidePreCopy(state([[60_000, 4_000]], 60_000))).toMatchObject({ go: 'another-round', why: 'hold-back', cpuShare: 0.01 })
    expect(decidePreCopy(state([[60_000, 4_000], [60_000, 4_000]], 30_000, 0.01))).toMatchObject({ go: 'another-round', why: 'shrinks', cpuShare: 0.01 })
    expect(decidePreCopy(state([[60_000, 4_000], [60_000, 4_000]], 50_000, 0.01))).toMatchObject({ go: 'final-dump', why: 'no-progress' })
  })
  test('whatever the rounds, it ends after eight', () => {
    const pages = fc.nat(1_000_000)
    fc.assert(fc.property(fc.array(fc.tuple(pages, fc.integer({ min: 1, max: 60_000 })), { minLength: 8, maxLength: 8 }), pages, (shapes, dirtyPages) => {
      const decision = decidePreCopy(state(shapes, dirtyPages))
      expect(decision.go).toBe('final-dump')
      expect(decision.estimatedFreezeMs).toBeGreaterThanOrEqual(300)
    }))
  })
})

describe('pages that a job has written to', () => {
  test('lie in memory that is its own or shared with its children, and not in files', () => {
    const maps = `00400000-00401000 r-xp 00000000 00:1f 77 /usr/bin/x
00600000-00602000 rw-p 00000000 00:1f 77 /usr/bin/x
7f0000000000-7f0000010000 rw-p 00000000 00:00 0
7f0000020000-7f0000030000 ---p 00000000 00:00 0
7f0000040000-7f0000041000 rw-s 00000000 00:01 2049 /dev/zero (deleted)
7f0000050000-7f0000051000 rw-s 00000000 00:2b 12 /srv/table
7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0 [stack]
`
    expect(writableAreas(maps)).toEqual([
      { firstPage: 0x600, pages: 2 }, { firstPage: 0x7_f000_0000, pages: 16 }, { firstPage: 0x7_f000_0040, pages: 1 }, { firstPage: 0x7_ffc0_0000, pages: 33 },
    ])
  })
  test('are those in memory or swapped out that the kernel marks', () => {
    const entries = [0x8080_0000_0000_1234n, 0x8000_0000_0000_1234n, 0x4080_0000_0000_0000n, 0x0080_0000_0000_0000n, 0n]
    const pagemap = Buffer.alloc(entries.length * 8)
    for (const [index, entry] of entries.entries()) pagemap.writeBigUInt64LE(entry, index * 8)
    expect(dirtyEntries(pagemap)).toBe(2)
  })
})

describe('numbers of CRIU\'s images', () => {
  test('of a pre-dump of 23 MB', () => {
    const stats = parseDumpStats(Buffer.from('QFkQVQYzCVcmAAAACiQIiE8QguoEGPlwIMynQyj5KzAAOPErQABIAFAGWAlgAGgAcAA=', 'base64'))
    expect(stats).toEqual({ frozenMs: 79, pagesScanned: 5_625, pagesWritten: 5_617 })
  })
  test('of a processor', () => {
    const image = 'GUNWVBNAQGFvAAAACm0IAhAPGGsgASgCMP33r34w/ffP7g4wADCAgMQQMIvk4PYPMAAwdTAAMAAwqYfhDjAFMJyEhIAIMAAwADAEMIGAhIABMAAwADAAOhlRRU1VIFRDRyBDUFUgdmVyc2lvbiAyLjUrQJUESIgVUIgV'
    expect(parseCpuImage(Buffer.from(image, 'base64'))).toEqual({ xfeaturesMask: 0x215n, xsaveBytes: 2_696 })
  })
  test('what is no image is refused and nothing else happens', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        parseDumpStats(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError)
      }
    }))
  })
})

describe('processors', () => {
  const needed = { flags: ['avx2', 'sse4_2'], xsaveBytes: 2_696 }
  test('one that has all and more will do', () => expect(whyCpuDiffers(needed, { flags: ['avx2', 'avx512f', 'sse4_2'], xsaveBytes: 2_696 })).toBeUndefined())
  test('a missing flag is named', () => expect(whyCpuDiffers(needed, { flags: ['sse4_2'], xsaveBytes: 2_696 })).toBe('it lacks avx2'))
  test('another size of the register state is refused', () => expect(whyCpuDiffers(needed, { ...needed, xsaveBytes: 832 })).toBe('its register state takes 832 bytes and not 2696'))
  test('flags that programs cannot use do not count', () => {
    expect(usableFlags('processor\t: 0\nflags\t\t: fpu msr sse2 hypervisor ibrs avx2\nbugs\t\t: spectre_v1\n')).toEqual(['avx2', 'fpu', 'sse2'])
  })
  test('what was seen on two processors is needed of the third', () => {
    expect(joinFeatures(needed, { flags: ['aes', 'avx2'], xsaveBytes: 2_696 }).flags).toEqual(['aes', 'avx2', 'sse4_2'])
  })
})

describe('cantmove', () => {
  const job = (file: OpenFile, more: Partial<JobView> = {}): JobView => ({
    processes: [{ pid: 40, tracerPid: 0, namespaces: { net: 'net:[1]' }, files: [file], mappedDevices: [] }],
    namespaces: { net: 'net:[1]' }, ownMounts: [],
    tcp: new Map([['5', { state: 'established', remote: '10.0.0.9:80' }], ['6', { state: 'listening', remote: '' }], ['7', { state: 'other', remote: '' }]]),
    pipesOfOthers: ['pipe:[1]', 'pipe:[2]'], ownPipes: ['pipe:[1]'], ...more,
  })
  const codes = (view: JobView): string[] => whyCantMove(view).map(({ code }) => code)

  test.each<[string, OpenFile, string[]]>([
    ['a plain file', { target: '/srv/text' }, []],
    ['an io_uring', { target: 'anon_inode:[io_uring]' }, ['io_uring']],
    ['/dev/null', { target: '/dev/null', device: { kind: 'character', major: 1, minor: 3 } }, []],
    ['a sound card', { target: '/dev/snd/pcmC0D0p', device: { kind: 'character', major: 116, minor: 2 } }, ['device']],
    ['a disk', { target: '/dev/vda', device: { kind: 'block', major: 254, minor: 0 } }, ['device']],
    ['a pseudo-terminal', { target: '/dev/pts/0', device: { kind: 'character', major: 136, minor: 0 } }, []],
    ['a connection', { target: 'socket:[5]' }, ['tcp']],
    ['a server', { target: 'socket:[6]' }, ['listening']],
    ['a connection that has ended', { target: 'socket:[7]' }, []],
    ['a socket of another kind', { target: 'socket:[99]' }, []],
    ['a small deleted file', { target: '/tmp/x (deleted)', deletedBytes: 1_000 }, []],
    ['a large deleted file', { target: '/tmp/x (deleted)', deletedBytes: 65 * 1024 * 1024 }, ['deleted-file']],
    ['its own stdout', { target: 'pipe:[1]' }, []],
    ['a pipe to somebody else', { target: 'pipe:[2]' }, ['pipe']],
    ['a pipe within the job', { target: 'pipe:[3]' }, []],
  ])('%s', (_, file, expected) => expect(codes(job(file))).toEqual(expected))

  test('a traced process, another namespace, a mapped device and a mount are named with the process', () => {
    const view = job({ target: '/x' }, {
      processes: [{ pid: 41, tracerPid: 7, namespaces: { net: 'net:[2]' }, files: [], mappedDevices: ['/dev/dri/card0'] }], ownMounts: ['/mnt/cd'],
    })
    expect(whyCantMove(view)).toEqual([
      { code: 'traced', detail: 'by process 7', pid: 41 }, { code: 'device', detail: '/dev/dri/card0', pid: 41 },
      { code: 'namespace', detail: 'net', pid: 41 }, { code: 'mount', detail: '/mnt/cd' },
    ])
  })
})

describe('what /proc and criu say', () => {
  test('TCP sockets by inode: listening, with another end, by IPv4, by IPv6 and by IPv4 in IPv6, and none for a socket nobody holds', () => {
    const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
    const tcp = `${head}   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 660A2A0A:D431 640A2A0A:0801 01 00000000:00000000 02:000A 00000000     0        0 4712 2 0 20 4 30 10 -1
   2: 660A2A0A:D432 640A2A0A:0801 06 00000000:00000000 03:0001 00000000     0        0 0 3 0\n`
    expect(parseTcpTable(tcp)).toEqual(new Map([['4711', { state: 'listening', remote: '' }], ['4712', { state: 'established', remote: '10.42.10.100:2049' }]]))
    const tcp6 = `${head}   0: 00000000000000000000000001000000:0016 B80D0120000000000000000001000000:C350 08 0:0 00:0 0 0 0 5001 1
   1: 0000000000000000FFFF00000100007F:0016 0000000000000000FFFF00000100007F:C351 01 0:0 00:0 0 0 0 5002 1
   2: 00000000000000000000000000000000:0000 00000000000000000000000000000000:0000 07 0:0 00:0 0 0 0 5003 1\n`
    expect([...parseTcpTable(tcp6).values()]).toEqual([
      { state: 'established', remote: '[2001:db8:0:0:0:0:0:1]:50000' }, { state: 'established', remote: '127.0.0.1:50001' }, { state: 'other', remote: '' },
    ])
  })
  test('device files in the memory of a process, but not memory that is shared', () => {
    expect(mappedDevices(`7f00-7f01 rw-s 00000000 00:01 2049 /dev/zero (deleted)
7f01-7f02 rw-s 00000000 00:05 88 /dev/dri/card0
7f02-7f03 rw-s 00001000 00:05 88 /dev/dri/card0
7f03-7f04 rw-s 00000000 00:1a 9 /dev/shm/mine
7f04-7f05 r-xp 00000000 00:1b 3 /usr/lib/libc.so.6`)).toEqual(['/dev/dri/card0'])
  })
  test('names that criu gives to files with another name: strings behind their length, whatever stands before', () => {
    const long = `/${'d'.repeat(200)}/link_remap.7`
    const image = Buffer.concat([
      Buffer.from([0x0a, 0x20, 0x2f, 0x2f, 0x32, '/tmp/a b/link_remap.12'.length]), Buffer.from('/tmp/a b/link_remap.12'), Buffer.from([0x40, 1]),
      Buffer.from([0x32, (long.length & 0x7f) | 0x80, long.length >> 7]), Buffer.from(long), Buffer.from('/link_remap.x /tmp/link_remap.9 without its length'),
    ])
    expect(linkRemaps(image)).toEqual(['/tmp/a b/link_remap.12', long])
  })
  test('any bytes give names or none', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 100 }), (before, behind) => {
      const names = linkRemaps(Buffer.concat([before, Buffer.from('/x/link_remap.1'), behind]))
      for (const name of names) expect(name).toMatch(/\/link_remap\.\d+$/)
    }))
  })
  test.each([
    ['(00.1) Error (criu/sk-inet.c:191): inet: Connected TCP socket, consider using --tcp-established option.', 'tcp'],
    ["(00.1) Error (criu/files-ext.c:99): Can't dump file 5 of that type [20666] (chr 10:200 /dev/net/tun)", 'device'],
    ["(00.1) Error (criu/files-reg.c:888): Can't dump ghost file /tmp/big of 99999999 size, increase limit", 'deleted-file'],
    ['(00.1) Error (criu/sk-unix.c:837): unix: External socket is used. Consider using --ext-unix-sk option.', 'socket'],
    ['(00.1) Error (compel/src/lib/infect.c:363): Unseizable non-zombie 40 found, state S, err -1/1', 'traced'],
    ['(00.1) Error (criu/mount.c:1000): mnt: FS mnt ./tmp dev 0x2f root / unsupported id 300', 'mount'],
    ['(00.1) Error (criu/file-lock.c:500): Dump file lock failed!', 'foreign-lock'],
    ['(00.1) Error (criu/cr-dump.c:1): Something new', 'other'],
    ['', 'other'],
  ])('criu: %s is %s', (log, code) => expect(reasonInLog(log).code).toBe(code))
  test('pages that the target did not take are no fault of the job', () => {
    expect(couldNotSend("(00.2) Error (criu/page-xfer.c:900): page-xfer: Can't send pages: Broken pipe")).toBe(true)
    expect(couldNotSend('(00.2) Error (criu/sk-inet.c:191): inet: Connected TCP socket')).toBe(false)
  })
  test('a refusal begins with its code and has a way on', () => {
    const error = refusal({ code: 'tcp', detail: 'connected to 10.0.0.9:80', pid: 7 })
    expect(error).toMatchObject({ code: 'CANTMOVE', message: `tcp: ${CANTMOVE.tcp} (connected to 10.0.0.9:80, process 7)`, fix: expect.stringContaining('try again') as string })
    expect(toCantmove({ code: 'other', detail: 'x'.repeat(1_000) }).sentence.length).toBeLessThan(500)
  })
  test('the guide has every code with its sentence', () => {
    const guide = readFileSync(join(PROJECT_FOLDER, 'docs/guide/jobs.md'), 'utf8')
    const rows = Object.fromEntries([...guide.matchAll(/^\| `([a-z_-]+)` \| ([A-Z].*) \|$/gm)].map(([, code = '', sentence = '']) => [code, sentence]))
    expect(rows).toEqual(CANTMOVE)
  })
})
