import { once } from 'node:events'
import { Duplex } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseCpuTicks, utilisation } from '../../agent/admin/figures.ts'
import { NodeError } from '../../agent/api/node-error.ts'
import { findMember } from '../../agent/cli/find-member.ts'
import { encodeMessage, ERRNO, FieldReader, FieldWriter, MESSAGE, messageSplitter, NO_FID, VERSION, type Message } from '../../agent/hpc/ninep.ts'
import { serveNinep } from '../../agent/hpc/ninep-server.ts'
import { readSwitch } from '../../agent/hpc/files.ts'
import { hpcTree } from '../../agent/hpc/tree.ts'
import { DEFAULT_ADMIN_SETTINGS, type AdminSettings } from '../../schema/admin-api.ts'
import type { Job, JobChange } from '../../schema/job.ts'
import type { Member } from '../../schema/node-state.ts'
import { testJob } from './job-helpers.ts'

const members: Member[] = [
  { id: 5, name: 'plump-0005', addresses: ['10.0.0.5'], state: 'alive', self: true },
  { id: 2780, name: 'plump-0adc', addresses: ['192.168.10.220'], state: 'failed', self: false },
]

const own = testJob({ id: '0005-1', home: 5, node: 2780, uid: 1_000, migrations: 3, mask: { rule: 'deny', nodes: [7] } })
const guest = testJob({ id: '0adc-9', home: 2780, node: 5, cantmove: { code: 'tcp', sentence: 'It has a TCP connection.' } })
const over = testJob({ id: '0005-2', home: 5, node: 5, outcome: { exit: 0 } })

/** A client that speaks 9P with the tree of a node, over a pair of streams. */
function client(done: unknown[] = []): { settings: () => AdminSettings; ask: (type: number, fields: FieldWriter) => Promise<Message>; open: (fid: number, path: string, flags: number) => Promise<void> } {
  let settings = DEFAULT_ADMIN_SETTINGS
  const tree = hpcTree({
    self: () => 5, members: () => members, moveCost: () => ({ overheadMs: 812.4, transferKiBps: 90_000.6 }),
    admin: {
      settings: () => settings,
      change: (change) => (settings = { ...settings, ...change }),
      figures: (id = 5) => (id === 5
        ? Promise.resolve({ id, cpus: 4, speed: 10_000, load: 1.25, memoryTotalKiB: 4_096, memoryFreeKiB: 1_024, memoryAvailableKiB: 2_048, utilisation: 37, settings })
        : Promise.reject(new NodeError('PEER_UNREACHABLE', 'it is away', 'wait'))),
      sendHome: (word) => {
        done.push(word)
        return Promise.resolve({ moved: [], staying: word === 'bring' ? [{ job: own.id, code: 'CANTMOVE', why: 'tcp' }] : [] })
      },
    },
    jobs: () => [own, guest, over],
    move: (job, to) => {
      done.push([job, to])
      return to === 77 ? Promise.reject(new NodeError('NO_SUCH_NODE', 'no node 77', 'plump nodes')) : Promise.resolve({})
    },
    change: (job: string, change: JobChange) => {
      done.push([job, change])
      return Promise.resolve<Job>(own)
    },
    refused: () => undefined,
  })
  const split = messageSplitter()
  const answers = new Duplex({ read() {}, write() {} })
  const server = new Duplex({
    read() {},
    write(piece: Buffer, _, done) {
      for (const message of split(piece)) answers.emit('answer', message)
      done()
    },
  })
  serveNinep(server, tree)
  const ask = async (type: number, fields: FieldWriter): Promise<Message> => {
    const answered = once(answers, 'answer')
    server.push(encodeMessage(type, 7, fields.toBuffer()))
    return (await answered)[0] as Message
  }
  const open = async (fid: number, path: string, flags: number): Promise<void> => {
    await ask(MESSAGE.attach, new FieldWriter().u32(fid).u32(NO_FID).text('root').text('').u32(0))
    const names = path.split('/')
    const walk = new FieldWriter().u32(fid).u32(fid).u16(names.length)
    for (const name of names) walk.text(name)
    await ask(MESSAGE.walk, walk)
    await ask(MESSAGE.open, new FieldWriter().u32(fid).u32(flags))
  }
  return { settings: () => settings, ask, open }
}

const errorOf = ({ type, fields }: Message): number | undefined => (type === MESSAGE.error ? new FieldReader(fields).u32() : undefined)

async function read(path: string): Promise<string | number> {
  const { ask, open } = client()
  await open(1, path, 0)
  const answer = await ask(MESSAGE.read, new FieldWriter().u32(1).u64(0n).u32(4_096))
  const error = errorOf(answer)
  if (error !== undefined) return error
  const fields = new FieldReader(answer.fields)
  return fields.bytes(fields.u32()).toString()
}

async function write(path: string, text: string, done: unknown[] = []): Promise<{ error: number | undefined; settings: AdminSettings }> {
  const { ask, open, settings } = client(done)
  await open(1, path, 1)
  const answer = await ask(MESSAGE.write, new FieldWriter().u32(1).u64(0n).u32(Buffer.byteLength(text)).bytes(Buffer.from(text)))
  return { error: errorOf(answer), settings: settings() }
}

describe('9P', () => {
  test('messages arrive whole however the stream is cut', () => {
    fc.assert(fc.property(fc.array(fc.record({ type: fc.integer({ min: 0, max: 255 }), tag: fc.integer({ min: 0, max: 0xffff }), fields: fc.uint8Array({ maxLength: 300 }) })), fc.integer({ min: 1, max: 40 }), (sent, step) => {
      const stream = Buffer.concat(sent.map(({ type, tag, fields }) => encodeMessage(type, tag, Buffer.from(fields))))
      const split = messageSplitter()
      const got: Message[] = []
      for (let at = 0; at < stream.length; at += step) got.push(...split(stream.subarray(at, at + step)))
      expect(got.map(({ type, tag, fields }) => ({ type, tag, fields: Uint8Array.from(fields) }))).toEqual(sent)
    }))
  })

  test('a size that no message has ends the connection', () => {
    expect(() => messageSplitter()(Buffer.from([1, 0, 0, 0]))).toThrow(RangeError)
    expect(() => messageSplitter()(Buffer.from([0, 0, 0, 0x7f]))).toThrow(RangeError)
  })

  test('whatever fields come, the server answers and lives', async () => {
    await fc.assert(fc.asyncProperty(fc.integer({ min: 0, max: 127 }), fc.uint8Array({ maxLength: 60 }), async (type, fields) => {
      const { ask } = client()
      const answer = await ask(type, new FieldWriter().bytes(Buffer.from(fields)))
      expect([MESSAGE.error, type + 1]).toContain(answer.type)
      expect((await ask(MESSAGE.version, new FieldWriter().u32(8_192).text(VERSION))).type).toBe(MESSAGE.version + 1)
    }))
  })
})

test('an answer is not sent once its request was flushed: the tag may be another\'s by then', async () => {
  let finish: (text: string) => void = () => undefined
  const slow = { kind: 'file' as const, read: () => new Promise<string>((resolve) => (finish = resolve)) }
  const answers: Message[] = []
  const split = messageSplitter()
  const stream = new Duplex({
    read() {},
    write(piece: Buffer, _, done) {
      answers.push(...split(piece))
      done()
    },
  })
  serveNinep(stream, { kind: 'folder', names: () => ['slow'], entry: () => slow })
  const send = (type: number, tag: number, fields: FieldWriter): void => void stream.push(encodeMessage(type, tag, fields.toBuffer()))
  send(MESSAGE.attach, 1, new FieldWriter().u32(1).u32(NO_FID).text('root').text('').u32(0))
  send(MESSAGE.walk, 5, new FieldWriter().u32(1).u32(2).u16(1).text('slow'))
  send(MESSAGE.read, 2, new FieldWriter().u32(2).u64(0n).u32(100))
  send(MESSAGE.flush, 3, new FieldWriter().u16(2))
  await expect.poll(() => answers.map(({ tag }) => tag)).toEqual([1, 5, 3])
  finish('late')
  send(MESSAGE.clunk, 4, new FieldWriter().u32(2))
  await expect.poll(() => answers.map(({ tag }) => tag)).toEqual([1, 5, 3, 4])
})

describe('/hpc', () => {
  test('tells settings and figures', async () => {
    expect(await read('admin/stay')).toBe('0\n')
    expect(await read('admin/mospe')).toBe('5\n')
    expect(await read('admin/slow-decay')).toBe('975\n')
    expect(await read('admin/overheads')).toBe('812 90001\n')
    expect(await read('nodes/5/cpus')).toBe('4\n')
    expect(await read('nodes/5/load')).toBe('125\n')
    expect(await read('nodes/5/tmem')).toBe('4194304\n')
    expect(await read('nodes/2780/status')).toBe('failed\n')
  })

  test('the figures of a node that is away are an error to the reader', async () => {
    expect(await read('nodes/2780/load')).toBe(ERRNO.EHOSTUNREACH)
  })

  test('takes what is written, with or without a line end', async () => {
    expect(await write('admin/block', '1\n')).toMatchObject({ error: undefined, settings: { block: true } })
    expect(await write('admin/speed', '2500')).toMatchObject({ error: undefined, settings: { speed: 2_500 } })
    expect(await write('admin/decay-interval', '5')).toMatchObject({ error: undefined, settings: { decay: { intervalSeconds: 5, slow: 975, fast: 926 } } })
    expect(await write('admin/fast-decay', '1000')).toEqual({ error: ERRNO.EINVAL, settings: DEFAULT_ADMIN_SETTINGS })
  })

  test.each(['2', '-1', 'yes', '', '1 1', '0x1'])('gives the writer of "%s" an error and changes nothing', async (text) => {
    expect(await write('admin/block', text)).toEqual({ error: ERRNO.EINVAL, settings: DEFAULT_ADMIN_SETTINGS })
    expect(() => readSwitch(text)).toThrow()
  })

  test('shows jobs that have not ended, and the guests apart', async () => {
    expect(await read('jobs/0005-1/where')).toBe('2780\n')
    expect(await read('jobs/0005-1/nmigs')).toBe('3\n')
    expect(await read('jobs/0005-1/mask')).toBe('deny:7\n')
    expect(await read('jobs/0005-1/lock')).toBe('0\n')
    expect(await read('jobs/0005-1/cantmove')).toBe('')
    expect(await read('jobs/0adc-9/cantmove')).toBe('tcp It has a TCP connection.\n')
    expect(await read('remote/0adc-9/from')).toBe('2780\n')
    expect(await read('remote/0005-1/from')).toBe(ERRNO.EISDIR)
    expect(await read('jobs/0005-2/where')).toBe(ERRNO.EISDIR)
  })

  test.each([
    ['goto', '5', ['0005-1', 5]], ['migrate', '0x0adc', undefined], ['goto', 'home', ['0005-1', 'home']], ['goto', '0', ['0005-1', 'home']], ['goto', 'best', ['0005-1', 'best']],
    ['lock', '1', ['0005-1', { lock: 'here' }]], ['lock', '0', ['0005-1', { lock: 'none' }]], ['mask', 'allow:5,0x0adc', ['0005-1', { mask: { rule: 'allow', nodes: [5, 2780] } }]],
    ['mask', 'any', ['0005-1', { mask: { rule: 'any' } }]], ['decay/cpujob', '1', ['0005-1', { hints: { kind: 'cpu' } }]], ['decay/slow', '1', ['0005-1', { hints: { decay: 'slow' } }]],
  ])('writing to a job\'s %s "%s" does that', async (file, text, expected) => {
    const done: unknown[] = []
    expect((await write(`jobs/0005-1/${file}`, text, done)).error).toBeUndefined()
    expect(done).toEqual(expected === undefined ? [] : [expected])
  })

  test.each([['goto', 'nowhere', ERRNO.EINVAL], ['goto', '65536', ERRNO.EINVAL], ['goto', '77', ERRNO.ENXIO], ['lock', '2', ERRNO.EINVAL], ['mask', 'deny', ERRNO.EINVAL], ['mask', 'allow:0', ERRNO.EINVAL], ['decay/fast', '0', ERRNO.EINVAL], ['where', '5', ERRNO.EACCES]])('a job\'s %s refuses "%s"', async (file, text, error) => {
    expect((await write(`jobs/0005-1/${file}`, text)).error).toBe(error)
  })

  test('sends jobs home; one that stays is an error to the writer', async () => {
    const done: unknown[] = []
    expect((await write('admin/expel', '1', done)).error).toBeUndefined()
    expect((await write('admin/bring', '1', done)).error).toBe(ERRNO.EPERM)
    expect(done).toEqual(['expel', 'bring'])
    expect((await write('admin/bring', '0')).error).toBe(ERRNO.EINVAL)
  })

  test('a job\'s files are its owner\'s', async () => {
    const { ask, open } = client()
    await open(1, 'jobs/0005-1/goto', 1)
    const fields = new FieldReader((await ask(MESSAGE.getattr, new FieldWriter().u32(1).u64(0x7ffn))).fields)
    fields.bytes(8 + 13)
    expect([fields.u32() & 0o777, fields.u32()]).toEqual([0o644, 1_000])
  })

  test('what cannot be written says so', async () => {
    expect((await write('nodes/5/cpus', '9')).error).toBe(ERRNO.EACCES)
    expect((await write('admin', '1')).error).toBe(ERRNO.EACCES)
  })
})

test('the time that CPUs were used is told in percent of what passed', () => {
  const at = (busy: number, idle: number): ReturnType<typeof parseCpuTicks> => parseCpuTicks(`cpu  ${busy} 0 0 ${idle} 0 0 0 0 0 0\ncpu0 1 1 1 1\n`)
  expect(utilisation(at(100, 100), at(150, 150))).toBe(50)
  expect(utilisation(at(100, 100), at(100, 100))).toBe(50)
  expect(utilisation({ busy: 0, total: 0 }, { busy: 0, total: 0 })).toBe(0)
})

test('a node is found by id, in both forms, by name and by address', () => {
  for (const text of ['2780', '0x0adc', 'plump-0adc', '192.168.10.220']) expect(findMember(members, text).id).toBe(2780)
  expect(findMember(members, undefined).id).toBe(5)
  expect(() => findMember(members, '4711')).toThrow(/no member/)
})
