import { once } from 'node:events'
import { Duplex } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseCpuTicks, utilisation } from '../../agent/admin/figures.ts'
import { NodeError } from '../../agent/api/node-error.ts'
import { findMember } from '../../agent/cli/mosctl.ts'
import { encodeMessage, ERRNO, FieldReader, FieldWriter, MESSAGE, messageSplitter, NO_FID, VERSION, type Message } from '../../agent/hpc/ninep.ts'
import { serveNinep } from '../../agent/hpc/ninep-server.ts'
import { hpcTree, readSwitch } from '../../agent/hpc/tree.ts'
import { DEFAULT_ADMIN_SETTINGS, type AdminSettings } from '../../schema/admin-api.ts'
import type { Member } from '../../schema/node-state.ts'

const members: Member[] = [
  { id: 5, name: 'plump-0005', addresses: ['10.0.0.5'], state: 'alive', self: true },
  { id: 2780, name: 'plump-0adc', addresses: ['192.168.10.220'], state: 'failed', self: false },
]

/** A client that speaks 9P with the tree of a node, over a pair of streams. */
function client(): { settings: () => AdminSettings; ask: (type: number, fields: FieldWriter) => Promise<Message>; open: (fid: number, path: string, flags: number) => Promise<void> } {
  let settings = DEFAULT_ADMIN_SETTINGS
  const tree = hpcTree({
    self: () => 5, members: () => members,
    admin: {
      settings: () => settings,
      change: (change) => (settings = { ...settings, ...change }),
      figures: (id = 5) => (id === 5
        ? Promise.resolve({ id, cpus: 4, speed: 10_000, load: 1.25, memoryTotalKiB: 4_096, memoryFreeKiB: 1_024, memoryAvailableKiB: 2_048, utilisation: 37, settings })
        : Promise.reject(new NodeError('PEER_UNREACHABLE', 'it is away', 'wait'))),
    },
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

async function write(path: string, text: string): Promise<{ error: number | undefined; settings: AdminSettings }> {
  const { ask, open, settings } = client()
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

describe('/hpc', () => {
  test('tells settings and figures', async () => {
    expect(await read('admin/stay')).toBe('0\n')
    expect(await read('admin/mospe')).toBe('5\n')
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
  })

  test.each(['2', '-1', 'yes', '', '1 1', '0x1'])('gives the writer of "%s" an error and changes nothing', async (text) => {
    expect(await write('admin/block', text)).toEqual({ error: ERRNO.EINVAL, settings: DEFAULT_ADMIN_SETTINGS })
    expect(() => readSwitch(text)).toThrow()
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
