import { createConnection } from 'node:net'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { text } from 'node:stream/consumers'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { NodeError } from '../../agent/api/node-error.ts'
import { readFirstLine } from '../../agent/peers/first-line.ts'
import { encodeFrame, FRAME_LIMIT_BYTES, frameSplitter, type Frame } from '../../agent/peers/frames.ts'
import { startPeers, type Peers } from '../../agent/peers/peers.ts'
import { testAgent, until } from './api-helpers.ts'

const PORT = 20_000 + process.pid % 20_000
const ADDRESSES = ['127.66.0.1', '127.66.0.2', '127.66.0.3'] as const

/** Three agents on the loopback; the third is no member of the others' mesh. */
async function threeNodes(): Promise<readonly Peers[]> {
  const all = ADDRESSES.map((address, index) => {
    const { context } = testAgent()
    context.state.set('identity', { id: index + 1, address, name: `node-${index + 1}` })
    const peers = startPeers(context, { port: PORT })
    onTestFinished(() => peers.stop())
    const others = ADDRESSES.map((other, place) => ({ id: place + 1, address: other, answered: true })).filter((other) => other.address !== address && (index === 2 || other.id !== 3))
    context.state.set('mesh', { state: 'up', address, peers: others })
    return peers
  })
  for (const address of ADDRESSES) await until(() => answers(address))
  return all
}

async function answers(address: string): Promise<boolean> {
  const probe = createConnection({ host: address, port: PORT })
  const found = await Promise.race([once(probe, 'connect').then(() => true, () => false), once(probe, 'error').then(() => false)])
  probe.destroy()
  return found
}

test('frames come out as they went in, however the stream is cut', () => {
  const frame = fc.record({ kind: fc.nat(255), body: fc.uint8Array({ maxLength: 300 }) })
  fc.assert(fc.property(fc.array(frame, { maxLength: 20 }), fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (frames, cuts) => {
    const stream = Buffer.concat(frames.map(({ kind, body }) => encodeFrame(kind, body)))
    const split = frameSplitter()
    const out: Frame[] = []
    for (let at = 0, turn = 0; at < stream.length; turn++) {
      const bytes = cuts[turn % cuts.length] ?? 1
      out.push(...split(stream.subarray(at, at + bytes)))
      at += bytes
    }
    expect(out.map(({ kind, body }) => ({ kind, body: [...body] }))).toEqual(frames.map(({ kind, body }) => ({ kind, body: [...body] })))
  }))
})

test('a frame above the limit is refused by its head, before its body is held', () => {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(FRAME_LIMIT_BYTES + 1)
  expect(() => frameSplitter()(head)).toThrow(RangeError)
  expect(() => encodeFrame(1, Buffer.alloc(FRAME_LIMIT_BYTES + 1))).toThrow(RangeError)
})

test('what follows the first line stays in the stream', async () => {
  const stream = new PassThrough()
  stream.write('{"a":')
  stream.end('1}\nrest\nof it')
  expect(await readFirstLine(stream, 100, 1000)).toBe('{"a":1}')
  expect(await text(stream)).toBe('rest\nof it')
})

test('a first line that is too long, or never complete, is an error', async () => {
  const long = new PassThrough()
  long.write('x'.repeat(200))
  await expect(readFirstLine(long, 100, 1000)).rejects.toThrow('longer than 100 bytes')
  const short = new PassThrough()
  short.end('x')
  await expect(readFirstLine(short, 100, 1000)).rejects.toThrow('ended before')
  await expect(readFirstLine(new PassThrough(), 100, 1)).rejects.toThrow('within 1 ms')
})

test('a channel carries bytes both ways, and tells who opened it', async () => {
  const [one, two] = await threeNodes()
  if (!one || !two) throw new Error('no nodes')
  two.serve('echo', (stream, from, header) => {
    stream.write(`${from} ${String(header['word'])}\n`)
    stream.pipe(stream)
  })
  const stream = await one.open(2, { channel: 'echo', word: 'hello' })
  stream.end('and back')
  expect(await text(stream)).toBe('1 hello\nand back')
})

test('a node opens channels to itself as to any other', async () => {
  const [one] = await threeNodes()
  one?.answer('who', z.object({}), (_, from) => Promise.resolve({ from }))
  expect(await one?.call(1, 'who', {})).toEqual({ from: 1 })
})

test('calls are answered, refused with the other side\'s reason, or unanswered within a limit', async () => {
  const [one, two] = await threeNodes()
  if (!one || !two) throw new Error('no nodes')
  two.answer('twice', z.object({ number: z.number() }), ({ number }) => {
    if (number < 0) throw new NodeError('NEGATIVE', 'less than nothing', 'give more')
    return number === 0 ? new Promise(() => undefined) : Promise.resolve({ twice: number * 2 })
  })
  expect(await one.call(2, 'twice', { number: 21 })).toEqual({ twice: 42 })
  await expect(one.call(2, 'twice', { number: -1 })).rejects.toMatchObject({ code: 'NEGATIVE', fix: 'give more' })
  await expect(one.call(2, 'twice', { number: 'x' })).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  await expect(one.call(2, 'twice', { number: 0 }, { limitMs: 50 })).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' })
  await expect(one.call(2, 'nothing-there', {})).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' })
  await expect(one.call(9, 'twice', { number: 1 })).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' })
})

test('a call that takes a while tells how it goes on, each word within the limit of the last', async () => {
  const [one, two] = await threeNodes()
  if (!one || !two) throw new Error('no nodes')
  two.answer('count', z.object({ to: z.number() }), async ({ to }, _from, progress) => {
    for (let number = 1; number <= to; number++) {
      await pause(60)
      progress(`at ${number}`)
    }
    return { counted: to }
  })
  const heard: string[] = []
  expect(await one.call(2, 'count', { to: 3 }, { limitMs: 150, progress: (text) => heard.push(text) })).toEqual({ counted: 3 })
  expect(heard).toEqual(['at 1', 'at 2', 'at 3'])
  expect(await one.call(2, 'count', { to: 1 })).toEqual({ counted: 1 })
})

test('an address that is no member\'s is not listened to', async () => {
  const [one, , stranger] = await threeNodes()
  one?.answer('who', z.object({}), () => Promise.resolve({}))
  await expect(stranger?.call(1, 'who', {})).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' })
})
