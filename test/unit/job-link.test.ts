import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeData, encodePosition, FRAME, openLink, type StreamNumber } from '../../agent/jobs/link.ts'
import { encodeFrame } from '../../agent/peers/frames.ts'

/** What a client of a job is sent: output of one of its streams, or another frame. */
const sent = fc.oneof(
  fc.record({ stream: fc.constantFrom(1, 2), bytes: fc.uint8Array({ minLength: 1, maxLength: 300 }) }),
  fc.record({ kind: fc.constantFrom(FRAME.hello, FRAME.ack, FRAME.outcome), body: fc.uint8Array({ maxLength: 300 }) }),
)

test('output comes in pieces and all else in whole frames, in their order, however the stream is cut, and though each piece is overwritten by the next', () => {
  fc.assert(fc.property(fc.array(sent, { maxLength: 20 }), fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (messages, cuts) => {
    const offsets = { 1: 0, 2: 0 }
    const bytes = Buffer.concat(messages.map((message) => {
      if ('kind' in message) return encodeFrame(message.kind, message.body)
      const offset = offsets[message.stream as 1 | 2]
      offsets[message.stream as 1 | 2] += message.bytes.length
      return encodeFrame(FRAME.data, ...encodeData(message.stream as StreamNumber, { offset, bytes: Buffer.from(message.bytes) }))
    }))
    const taken: { kind: number; body: number[] }[] = []
    const reached = { 0: 0, 1: 0, 2: 0 }
    const stream = new PassThrough()
    openLink(stream, {
      frame: ({ kind, body }) => void taken.push({ kind, body: [...body] }),
      output({ stream: number, offset, bytes: piece }) {
        expect(offset).toBe(reached[number])
        reached[number] += piece.length
        const last = taken.at(-1)
        if (last?.kind === -number) last.body.push(...piece)
        else taken.push({ kind: -number, body: [...piece] })
      },
      closed: () => undefined,
    })
    const buffer = Buffer.alloc(40)
    for (let at = 0, turn = 0; at < bytes.length; turn++) {
      const piece = bytes.subarray(at, at + (cuts[turn % cuts.length] ?? 1))
      piece.copy(buffer)
      stream.emit('data', buffer.subarray(0, piece.length))
      buffer.fill(0xff)
      at += piece.length
    }
    const expected: typeof taken = []
    for (const message of messages) {
      if ('kind' in message) expected.push({ kind: message.kind, body: [...message.body] })
      else if (expected.at(-1)?.kind === -message.stream) expected.at(-1)?.body.push(...message.bytes)
      else expected.push({ kind: -message.stream, body: [...message.bytes] })
    }
    expect(taken).toEqual(expected)
  }))
})

test.each([
  ['above the limit of a frame', Buffer.from([0xff, 0, 0, 0, FRAME.hello])],
  ['without a position', encodeFrame(FRAME.data, Buffer.alloc(3))],
  ['of no stream', encodeFrame(FRAME.data, encodePosition(7 as StreamNumber, 0))],
])('a frame %s ends the connection', (_, bytes) => {
  const stream = new PassThrough()
  openLink(stream, { frame: () => undefined, output: () => undefined, closed: () => undefined })
  stream.emit('data', bytes)
  expect(stream.destroyed).toBe(true)
})
