import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseJob } from '../../agent/cli/job-name.ts'
import { SEED_NAMES } from '../../agent/cli/seed-names.ts'
import { run } from '../../agent/cli/run.ts'
import { parseVerbArgs, splitAtCommand } from '../../agent/cli/verb-args.ts'
import { hiddenByApplet } from '../../agent/jobs/applets.ts'
import { groupsOf, provenCaller } from '../../agent/jobs/caller.ts'
import { guestsLimit } from '../../agent/jobs/cgroups.ts'
import { targets } from '../../agent/jobs/control.ts'
import { boundMounts, mountTable, nodesMounts, ownMounts, sourceOf } from '../../agent/jobs/mounts.ts'
import { describeOutcome, exitCodeOf, parseOutcome } from '../../agent/jobs/outcome.ts'
import { initAndMain, isStopped, parseProcess, type JobProcess } from '../../agent/jobs/processes.ts'
import { quoteForShell, startCommand } from '../../agent/jobs/start-command.ts'
import { StreamReceiver, StreamSender, UNKNOWN_OFFSET, type Chunk } from '../../agent/jobs/streams.ts'
import { parseMountInfo } from '../../agent/mfs/mounts.ts'
import { mountsOfImage, withMounts } from '../../agent/migration/mount-image.ts'
import { addMounts } from '../../agent/migration/mounts-here.ts'
import { field } from '../../agent/migration/protobuf.ts'
import { jobIdNamed, jobNameSchema, type JobSpec } from '../../schema/job.ts'
import { scratchFolder } from './api-helpers.ts'

describe('a stream by offsets', () => {
  /** What may happen to a stream between a job and its user. */
  const eventArbitrary = fc.oneof(
    fc.record({ do: fc.constant('write' as const), bytes: fc.uint8Array({ minLength: 1, maxLength: 20 }) }),
    fc.record({ do: fc.constant('deliver' as const), chunks: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ do: fc.constant('acknowledge' as const) }),
    fc.record({ do: fc.constant('break' as const) }),
    fc.record({ do: fc.constant('move' as const) }),
    fc.record({ do: fc.constant('restart' as const) }),
  )

  test('loses and doubles nothing over broken connections, moves and restarts of either end', () => {
    fc.assert(fc.property(fc.array(eventArbitrary, { maxLength: 60 }), (events) => {
      let sender = new StreamSender(1_000)
      const receiver = new StreamReceiver()
      const written: Buffer[] = []
      const taken: Buffer[] = []
      let wire: Chunk[] = []
      const connect = (): void => { wire = [...sender.resumeFrom(receiver.nextOffset)] }
      const deliver = (count: number): void => {
        for (const chunk of wire.splice(0, count)) taken.push(receiver.take(chunk))
      }
      for (const event of events) {
        if (event.do === 'write') {
          const bytes = Buffer.from(event.bytes)
          written.push(bytes)
          wire.push(sender.push(bytes))
        } else if (event.do === 'deliver') deliver(event.chunks)
        else if (event.do === 'acknowledge') sender.acknowledge(receiver.nextOffset)
        else if (event.do === 'break') connect()
        else if (event.do === 'move') {
          // Another node goes on: it gets what is not acknowledged, and where that begins.
          const kept = sender.kept()
          sender = new StreamSender(1_000, sender.ackedOffset)
          if (kept.length > 0) sender.push(kept)
          connect()
        } else {
          // The agent that read the job's pipe is started anew when all it had read was delivered: it knows no offset.
          deliver(wire.length)
          sender = new StreamSender(1_000, 'adopt')
          connect()
        }
      }
      connect()
      deliver(wire.length)
      expect(Buffer.concat(taken)).toEqual(Buffer.concat(written))
    }))
  })

  test('is read no further than its window', () => {
    const sender = new StreamSender(10)
    sender.push(Buffer.alloc(10))
    expect(sender.hasRoom).toBe(false)
    sender.acknowledge(1)
    expect(sender.hasRoom).toBe(true)
  })

  test('what makes no sense is an error: acknowledging what was never sent, going back behind what was acknowledged, a gap', () => {
    const sender = new StreamSender(100)
    sender.push(Buffer.from('abc'))
    expect(() => sender.acknowledge(4)).toThrow(RangeError)
    sender.acknowledge(2)
    expect(() => sender.resumeFrom(1)).toThrow(RangeError)
    expect(() => new StreamReceiver().take({ offset: 1, bytes: Buffer.from('b') })).toThrow(RangeError)
  })

  test('a user that does not know where it is goes on behind what was acknowledged', () => {
    const sender = new StreamSender(100)
    sender.push(Buffer.from('abcdef'))
    sender.acknowledge(4)
    expect(Buffer.concat(sender.resumeFrom(UNKNOWN_OFFSET).map(({ bytes }) => bytes)).toString()).toBe('ef')
  })
})

describe('the command line of mosrun', () => {
  test.each([
    [['ls', '-l'], [], ['ls', '-l']],
    [['-b', 'ls', '-b'], ['-b'], ['ls', '-b']],
    [['-m', '1G', 'ls'], ['-m', '1G'], ['ls']],
    [['-bm', '1G', 'ls'], ['-bm', '1G'], ['ls']],
    [['-m1G', 'ls'], ['-m1G'], ['ls']],
    [['--memory=1G', 'ls'], ['--memory=1G'], ['ls']],
    [['--memory', '1G', '--', '-x'], ['--memory', '1G'], ['-x']],
    [['-b', '-'], ['-b'], ['-']],
  ])('%j: its own options end where the command begins', (args, own, command) => {
    expect(splitAtCommand(args, run.options)).toEqual({ own, command })
  })

  test('an option it does not have is refused, with the nearest one', () => {
    expect(() => parseVerbArgs(run, ['--memmory', '1G', 'ls'])).toThrow(/no option "memmory"/)
  })

  test('-h is its own, not help', () => {
    expect(parseVerbArgs(run, ['-h', 'ls']).values).toMatchObject({ home: true })
  })

  test('the names that start a job have the small program, and no others', () => {
    const starters = Object.entries(SEED_NAMES).filter(([, verb]) => /^run(?:on)?(?: |$)/.test(verb)).map(([name]) => name)
    const wrapper = readFileSync('rootfs-overlay/usr/bin/plump', 'utf8')
    expect(/^(.*)\) program=mosrun ;;$/m.exec(wrapper)?.[1]?.split(' | ').toSorted()).toEqual(starters.toSorted())
  })
})

const spec: JobSpec = {
  command: ['tar', 'x'], environment: ['PATH=/usr/sbin:/usr/bin', 'A=b c'], directory: '/tmp', umask: 0o22, uid: 1000, gid: 100, groups: [100, 7],
  stdio: 'pipes', limits: {}, niceness: 0,
}
const startPlaces = { folder: '/run/plump/jobs/0adc-1', cgroup: '/sys/fs/cgroup/plump/own/0adc-1', homeRoot: '/', isHidden: false }

describe('how a job is started', () => {
  test('its command and environment reach job-start as words', () => {
    const words = startCommand(spec, startPlaces)
    expect(words.slice(-4)).toEqual(['PATH=/usr/sbin:/usr/bin', 'A=b c', 'tar', 'x'])
    expect(words).toContain('1000:100:100,7')
  })

  test('a word with = is no variable but a command, and a name that busybox has for itself is started by a shell', () => {
    const byShell = ['/bin/sh', '-c', 'exec "$0" "$@"']
    expect(startCommand({ ...spec, command: ['a=b'] }, startPlaces).slice(-4)).toEqual([...byShell, 'a=b'])
    expect(startCommand(spec, { ...startPlaces, isHidden: true }).slice(-5)).toEqual([...byShell, 'tar', 'x'])
  })

  test('on a terminal the whole command line is one word for a shell, whatever is in it', () => {
    expect(startCommand({ ...spec, stdio: 'terminal', command: ["it's"] }, startPlaces).at(-1)).toContain(String.raw`'it'\''s'`)
    expect(quoteForShell('$(x) `y` "z"')).toBe('\'$(x) `y` "z"\'')
  })

  test('only a name that busybox has, and for which PATH leads to another program, is hidden by it', () => {
    const names = new Set(['node', 'ls'])
    expect(hiddenByApplet({ command: ['node'], environment: [`PATH=${process.execPath.replace(/\/node$/, '')}`] }, '', names)).toBe(true)
    expect(hiddenByApplet({ command: ['node'], environment: ['PATH=/nowhere'] }, '', names)).toBe(false)
    expect(hiddenByApplet({ command: [process.execPath], environment: [] }, '', names)).toBe(false)
    expect(hiddenByApplet({ command: ['python'], environment: [] }, '', names)).toBe(false)
  })
})

describe('how a job ended', () => {
  test.each([
    ['exit 0\n', 0, { exit: 0 }, 0],
    ['exit 255\n', 0, { exit: 255 }, 255],
    ['Command terminated by signal 15\nexit 0\n', 0, { signal: 15 }, 143],
    ['', 0, { signal: 9 }, 137],
    ['Command terminated by signal 9\nexit 0\n', 1, { lost: 'out of memory: the kernel ended it at its memory limit' }, 255],
    ['Command terminated by signal 15\nexit 0\n', 1, { signal: 15 }, 143],
    ['mount: no\n', 0, { lost: 'mount: no' }, 255],
  ])('%j with %i kills for want of memory', (text, kills, outcome, code) => {
    expect(parseOutcome(text, kills)).toEqual(outcome)
    expect(exitCodeOf(outcome)).toBe(code)
    expect(describeOutcome(outcome)).toMatch(/^(exit|signal|lost: )/)
  })
})

describe('what guests may use together', () => {
  const MIB = 1024 * 1024

  test('is what the node does not use itself, but for a rest', () => {
    expect(guestsLimit({ totalBytes: 512 * MIB, usedBytes: 150 * MIB, jobsBytes: 0 })).toBe((512 - 150 - 64) * MIB)
    expect(guestsLimit({ totalBytes: 16_384 * MIB, usedBytes: 200 * MIB, jobsBytes: 0 })).toBe((16_384 - 200 - 1_024) * MIB)
  })

  test('stays the same when an agent starts anew beside jobs', () => {
    expect(guestsLimit({ totalBytes: 512 * MIB, usedBytes: 350 * MIB, jobsBytes: 200 * MIB })).toBe((512 - 150 - 64) * MIB)
  })

  test('is nothing on a node that is full', () => {
    expect(guestsLimit({ totalBytes: 256 * MIB, usedBytes: 250 * MIB, jobsBytes: 0 })).toBe(0)
  })
})

describe('the processes of a job', () => {
  const process = (pid: number, innerPid: number, parent: number, more: Partial<JobProcess> = {}): JobProcess => ({
    pid, innerPid, parent, processGroup: innerPid, foregroundGroup: -1, state: 'S', niceness: 0, ...more,
  })
  const all = [process(50, 1, 9), process(51, 2, 50), process(52, 3, 51), process(53, 4, 50)]

  test('a name with brackets and spaces in it does not shift the fields', () => {
    const stat = '51 (a) b (c) T 50 60 60 34816 61 4194304 0 0 0 0 0 0 0 0 20 5 1 0'
    expect(parseProcess(51, stat, 'Name:\ta\nNSpid:\t51\t7\n')).toMatchObject({ pid: 51, innerPid: 7, parent: 50, processGroup: 60, foregroundGroup: 61, state: 'T', niceness: 5 })
  })

  test('its command is the first child of its init', () => {
    expect(initAndMain(all)).toMatchObject({ init: { pid: 50 }, main: { pid: 51 } })
    expect(isStopped(all.map((each) => (each.pid === 51 ? { ...each, state: 'T' } : each)))).toBe(true)
    expect(isStopped(all)).toBe(false)
  })

  test('a signal goes to the command, to the foreground group or to all, never to init', () => {
    expect(targets(all, { signal: 'SIGTERM', to: 'main' })).toEqual([51])
    expect(targets(all, { signal: 'SIGKILL', to: 'all' })).toEqual([51, 52, 53])
    const inForeground = all.map((each) => ({ ...each, foregroundGroup: 77, processGroup: each.pid === 52 ? 77 : 1 }))
    expect(targets(inForeground, { signal: 'SIGINT', to: 'group' })).toEqual([52])
    expect(targets([], { signal: 'SIGTERM', to: 'main' })).toEqual([])
  })
})

describe('who asks for something', () => {
  const folder = (mode: number): Parameters<typeof provenCaller>[0] => ({ uid: 7, gid: 8, mode, nlink: 2, isDirectory: () => true })

  test('is proven by a private folder alone', () => {
    expect(provenCaller(folder(0o40700))).toEqual({ uid: 7, gid: 8 })
    expect(provenCaller(folder(0o40755))).toBeUndefined()
    expect(provenCaller({ ...folder(0o100700), isDirectory: () => false })).toBeUndefined()
  })

  test('has the groups of /etc/group alone, whatever it claims; root may have any', () => {
    const passwd = 'ann:x:7:8::/:\n'
    const group = 'a:x:8:\nb:x:20:bob,ann\nc:x:30:bob\n'
    expect(groupsOf({ uid: 7, gid: 8 }, [8, 20, 30, 0], passwd, group)).toEqual([8, 20])
    expect(groupsOf({ uid: 99, gid: 99 }, [99, 20], passwd, group)).toEqual([99])
    expect(groupsOf({ uid: 0, gid: 0 }, [0, 30], passwd, group)).toEqual([0, 30])
  })
})

describe('what of a node is mounted into a job', () => {
  const node = parseMountInfo([
    '33 1 0:26 / / rw - overlay plump rw', '34 33 7:1 / /usr/lib/modules/6 ro - squashfs /dev/loop1 ro', '26 33 0:6 / /dev rw - devtmpfs devtmpfs rw',
    String.raw`50 33 8:1 / /srv/two\040words rw - ext4 /dev/sda1 rw`, '40 33 0:32 / /mfs rw - nfs4 127.0.0.1:/ rw', '39 40 0:26 / /mfs/2780 rw - overlay plump rw',
    '41 40 0:35 / /mfs/2781 rw - nfs4 10.42.10.221:/ rw', '42 33 0:33 / /hpc rw - 9p /run/plump/hpc.sock rw',
  ].join('\n'))
  const atHome = { id: '0adc-1', home: 2780, self: 2780, homeRoot: '/' }
  const away = { id: '0adc-1', home: 2780, self: 2781, homeRoot: '/mfs/2780' }

  test('at home its disks and what /mfs has of the node itself; never /hpc, which the agent serves', () => {
    const paths = boundMounts(atHome, node).map(({ path }) => path)
    expect(paths).toEqual(['/srv/two words', '/dev', '/dev/pts', '/dev/shm', '/sys', '/var/lib/plump/mfs', '/mfs', '/mfs/2780'])
  })

  test('elsewhere shared memory and its own names still lie at its home', () => {
    expect(boundMounts(away, node)).toContainEqual({ path: '/dev/shm', from: '/mfs/2780/var/lib/plump/shm' })
    expect(boundMounts(away, node)).toContainEqual({ path: '/var/lib/plump/mfs', from: '/mfs/2780/var/lib/plump/jobs/0adc-1/mfs' })
  })

  test('a blank in a path does not end it in the table', () => {
    expect(mountTable(boundMounts(atHome, node), '/x')).toContain(String.raw`/srv/two\040words /x/srv/two\040words none bind 0 0`)
  })

  test('what the kernel mounted since is the node\'s, too; what the job mounted is not', () => {
    const seen = parseMountInfo(['1 0 0:1 / / rw - nfs4 a rw', '2 1 0:2 / /proc rw - proc proc rw', '3 1 0:3 / /mfs/9 rw - nfs4 b rw', '4 1 0:4 / /home rw - nfs4 c rw', '5 1 0:5 / /tmp/own rw - tmpfs t rw', '6 1 0:6 / /dev rw - devtmpfs d rw'].join('\n'))
    expect(nodesMounts(seen, boundMounts(away, node))).toEqual(['/mfs/9', '/home', '/dev'])
    expect(ownMounts(seen, boundMounts(away, node))).toEqual(['/tmp/own'])
  })

  test('a disk of its home is none that the job mounted', () => {
    const seen = parseMountInfo(['1 0 0:1 / / rw - overlay a rw', '2 1 254:0 / /srv/two\\040words rw - ext4 b rw', '3 1 0:5 / /tmp/own rw - tmpfs t rw'].join('\n'))
    expect(ownMounts(seen, boundMounts(atHome, node))).toEqual(['/tmp/own'])
  })

  test('on arrival each is found: on this node, at home, or nowhere when its node is gone', () => {
    const source = (path: string): string => sourceOf(path, away, boundMounts(away, node), (id) => id === 2780, '/nothing')
    expect(source('/dev')).toBe('/dev')
    expect(source('/mfs/2780')).toBe('/mfs/2780')
    expect(source('/mfs/2782/home')).toBe('/nothing')
    expect(source('/home')).toBe('/mfs/2780/home')
  })
})

describe('the mounts in an image', () => {
  const entry = (id: number, parent: number, path: string): Uint8Array => Buffer.concat([field(1, 0), field(2, id), field(3, 300), field(4, parent), field(5, 0), field(6, '/'), field(7, path), field(8, 's'), field(9, '')])
  const image = (entries: readonly Uint8Array[]): Uint8Array => Buffer.concat([Buffer.alloc(8), ...entries.flatMap((each) => {
    const length = Buffer.alloc(4)
    length.writeUInt32LE(each.length)
    return [length, each]
  })])

  test('those that are missing are added, below what they lie on, and nothing else changes', () => {
    const before = image([entry(10, 1, '/'), entry(700, 10, './mfs'), entry(12, 10, '/dev')])
    const after = withMounts(before, ['/dev', '/mfs/2780', '/mfs/2780/home'])
    expect(after.subarray(0, before.length)).toEqual(before)
    expect(mountsOfImage(after).slice(3)).toEqual([{ id: 701, path: '/mfs/2780', key: 'mfs/2780' }, { id: 702, path: '/mfs/2780/home', key: 'mfs/2780/home' }])
    expect(withMounts(after, ['/mfs/2780'])).toEqual(after)
  })

  test('images get what the target has besides, and may name nothing that the target was not told of', () => {
    const folder = scratchFolder()
    const file = join(folder, 'mountpoints-13.img')
    writeFileSync(file, image([entry(10, 1, '/'), Buffer.concat([entry(11, 10, '/mfs/2780'), field(18, 'mfs/2780')])]))
    const dev = { path: '/dev', from: '/dev' }
    expect(() => addMounts(folder, [dev])).toThrow(expect.objectContaining({ code: 'MOUNTS_CHANGED' }))
    addMounts(folder, [dev, { path: '/mfs/2780', from: '/mfs/2780' }])
    expect(mountsOfImage(readFileSync(file)).map(({ path }) => path)).toEqual(['/', '/mfs/2780', '/dev'])
    // One mount namespace for all: there is no such image.
    addMounts(scratchFolder(), [dev])
  })

  test('what is cut off is refused', () => {
    const whole = image([entry(10, 1, '/')])
    fc.assert(fc.property(fc.integer({ min: 9, max: whole.length - 1 }), (bytes) => {
      expect(() => mountsOfImage(whole.subarray(0, bytes))).toThrow(RangeError)
    }))
  })
})

test('a job is named by its id anywhere, and by its number alone on its home', () => {
  expect(jobIdNamed('0adc-17', 0x0a65)).toBe('0adc-17')
  expect(jobIdNamed('17', 0x0a65)).toBe('0a65-17')
  for (const text of ['17', '0adc-17']) {
    expect(parseJob(text)).toBe(text)
    expect(jobNameSchema.safeParse(text).success).toBe(true)
  }
  for (const text of ['', '0', '017', '-1', '0adc', '0adc-', 'adc-1', '0ADC-1', '0adc-1 ', '1234567890', '../0adc-1']) {
    expect(() => parseJob(text)).toThrow(/is no job/)
    expect(jobNameSchema.safeParse(text).success).toBe(false)
  }
})
