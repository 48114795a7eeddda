import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { whyCantMove, type JobView, type OpenFile } from '../../agent/migration/cantmove.ts'
import { joinFeatures, usableFlags, whyCpuDiffers } from '../../agent/migration/cpu-features.ts'
import { parseCpuImage, parseDumpStats } from '../../agent/migration/criu-images.ts'
import { decidePreCopy, type Round } from '../../agent/migration/precopy.ts'

const OPTIONS = { freezeBudgetMs: 500, fixedFreezeMs: 200 }

function round(pages: number, durationMs: number): Round {
  return { pages, bytes: pages * 4_096, durationMs }
}

describe('the stop rule of pre-copy', () => {
  test('the first round of a job with pages is always followed by another', () => {
    expect(decidePreCopy([round(60_000, 4_000)], OPTIONS)).toMatchObject({ go: 'another-round', why: 'first-round' })
  })
  test('few dirty pages are sent in the final dump', () => {
    expect(decidePreCopy([round(60_000, 4_000), round(40, 100)], OPTIONS)).toMatchObject({ go: 'final-dump', why: 'few-pages' })
  })
  test('a freeze within the budget is short enough', () => {
    // The wire carries 60 pages a millisecond; 5,400 will be dirty.
    expect(decidePreCopy([round(60_000, 1_000), round(6_000, 900)], { ...OPTIONS, freezeBudgetMs: 400 })).toMatchObject({ go: 'final-dump', why: 'short-enough' })
  })
  test('a job that writes as fast as the wire carries is not copied for ever', () => {
    const rounds = [round(60_000, 4_000), round(50_000, 4_000), round(50_000, 4_000)]
    expect(decidePreCopy(rounds, OPTIONS)).toMatchObject({ go: 'final-dump', why: 'no-progress' })
  })
  test('whatever the rounds, it ends after eight', () => {
    fc.assert(fc.property(fc.array(fc.record({ pages: fc.nat(1_000_000), durationMs: fc.integer({ min: 1, max: 60_000 }) }), { minLength: 8, maxLength: 8 }), (shapes) => {
      const decision = decidePreCopy(shapes.map(({ pages, durationMs }) => round(pages, durationMs)), OPTIONS)
      expect(decision.go).toBe('final-dump')
      expect(decision.estimatedFreezeMs).toBeGreaterThanOrEqual(OPTIONS.fixedFreezeMs)
    }))
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
    namespaces: { net: 'net:[1]' }, mounts: ['/', '/proc', '/dev', '/mfs'],
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
      processes: [{ pid: 41, tracerPid: 7, namespaces: { net: 'net:[2]' }, files: [], mappedDevices: ['/dev/dri/card0'] }], mounts: ['/', '/mnt/cd'],
    })
    expect(whyCantMove(view)).toEqual([
      { code: 'traced', detail: 'by process 7', pid: 41 }, { code: 'device', detail: '/dev/dri/card0', pid: 41 },
      { code: 'namespace', detail: 'net', pid: 41 }, { code: 'mount', detail: '/mnt/cd' },
    ])
  })
})
