import { createServer, type Socket } from 'node:net'
import { decodeMultiStream, encode } from '@msgpack/msgpack'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { decodeMessages, encodeRequest, type SerfMessage } from '../../agent/members/serf-frames.ts'
import { connectSerf, SerfRefused } from '../../agent/members/serf-rpc.ts'

async function messagesOf(pieces: Iterable<Uint8Array>, maxBytes?: number): Promise<SerfMessage[]> {
  const stream = (async function* () {
    yield* pieces
  })()
  const messages: SerfMessage[] = []
  for await (const message of decodeMessages(stream, maxBytes)) messages.push(message)
  return messages
}

function* cut(bytes: Uint8Array, lengths: readonly number[]): Generator<Uint8Array> {
  let start = 0
  for (const length of lengths) {
    yield bytes.subarray(start, start + length)
    start += length
  }
  yield bytes.subarray(start)
}

describe('frames', () => {
  const header = fc.record({ Seq: fc.nat(), Error: fc.string({ maxLength: 40 }) })
  const body = fc.oneof(
    fc.record({ Num: fc.nat() }),
    fc.record({ Event: fc.string(), Members: fc.array(fc.record({ Name: fc.string(), Addr: fc.uint8Array({ minLength: 4, maxLength: 4 }) }), { maxLength: 5 }) }),
  )

  test('come out the same however the bytes were cut on their way', async () => {
    const exchange = fc.array(fc.oneof(header, body), { maxLength: 12 })
    await fc.assert(fc.asyncProperty(exchange, fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 60 }), async (objects, lengths) => {
      const bytes = new Uint8Array(Buffer.concat(objects.map((object) => encode(object))))
      const messages = await messagesOf(cut(bytes, lengths))
      expect(messages).toEqual(objects.map((object) => 'Seq' in object
        ? { kind: 'header', seq: object.Seq, error: object.Error }
        : { kind: 'body', body: object }))
    }))
  })

  test('a request is a header and its body', async () => {
    const objects: unknown[] = []
    const bytes = (async function* () {
      yield encodeRequest('join', 3, { Existing: ['10.0.0.2'], Replay: false })
      yield encodeRequest('members', 4)
    })()
    for await (const object of decodeMultiStream(bytes)) objects.push(object)
    expect(objects).toEqual([{ Command: 'join', Seq: 3 }, { Existing: ['10.0.0.2'], Replay: false }, { Command: 'members', Seq: 4 }])
  })

  test('a message longer than the limit ends the reading, one of many short ones does not', async () => {
    const short = encode({ Num: 1 })
    expect(await messagesOf(Array.from({ length: 100 }, () => short), 64)).toHaveLength(100)
    const long = encode({ Log: 'x'.repeat(100) })
    await expect(messagesOf(cut(long, [30, 30, 30]), 64)).rejects.toThrow('longer than 64 bytes')
  })

  test('garbage ends with an error, not with a hang', async () => {
    await expect(messagesOf([Uint8Array.of(0xc1, 0xc1)])).rejects.toThrow()
  })
})

describe('talking to serf', () => {
  /** Speaks serf's side of the protocol; `answer` gives the objects to send for one command. */
  async function serve(answer: (command: string, seq: number, body: unknown) => readonly object[]): Promise<{ address: { host: string; port: number }; sockets: Socket[] }> {
    const sockets: Socket[] = []
    const server = createServer((socket) => {
      sockets.push(socket)
      talk(socket).catch(() => undefined) // the client is gone, which several tests want
    })
    const talk = async (socket: Socket): Promise<void> => {
      let header: { Command: string; Seq: number } | undefined
      for await (const object of decodeMultiStream(socket)) {
        const isHeader = typeof object === 'object' && object !== null && 'Command' in object
        if (isHeader) header = object as { Command: string; Seq: number }
        if (!header || (isHeader && !['members', 'leave'].includes(header.Command))) continue
        for (const reply of answer(header.Command, header.Seq, object)) socket.write(encode(reply))
      }
    }
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    const address = server.address()
    return { address: { host: '127.0.0.1', port: typeof address === 'object' && address ? address.port : 0 }, sockets }
  }
  const ok = (seq: number, ...bodies: object[]): object[] => [{ Seq: seq, Error: '' }, ...bodies]
  const memberBytes = { Name: 'a', Addr: Uint8Array.of(10, 0, 0, 2), Port: 7946, Tags: { id: '2' }, Status: 'alive', ProtocolCur: 2 }

  test('members are had after the handshake; those that do not parse are left out', async () => {
    const mapped = { ...memberBytes, Name: 'b', Addr: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 3) }
    const { address } = await serve((command, seq) => command === 'members' ? ok(seq, { Members: [memberBytes, { Name: 'odd' }, mapped] }) : ok(seq))
    const rpc = await connectSerf(address, 'key')
    expect((await rpc.members()).map((member) => [member.Name, member.Addr, member.Tags['id']])).toEqual([['a', '10.0.0.2', '2'], ['b', '10.0.0.3', '2']])
    rpc.close()
    await rpc.closed
  })

  test('a wrong key is told from other refusals', async () => {
    const { address } = await serve((command, seq) => command === 'auth' ? [{ Seq: seq, Error: 'Invalid authentication token' }] : ok(seq))
    await expect(connectSerf(address, 'key')).rejects.toMatchObject({ wrongKey: true })
  })

  test('the body that follows a refused join is not taken for the next answer', async () => {
    const { address } = await serve((command, seq) => {
      if (command === 'join') return [{ Seq: seq, Error: '1 error occurred:\n\t* no route\n' }, { Num: 0 }]
      return command === 'members' ? ok(seq, { Members: [] }) : ok(seq)
    })
    const rpc = await connectSerf(address, 'key')
    await expect(rpc.join('10.0.0.2')).rejects.toThrow(SerfRefused)
    expect(await rpc.members()).toEqual([])
    rpc.close()
  })

  test('events reach the listener, also among answers', async () => {
    const { address } = await serve((command, seq) => {
      if (command === 'stream') return ok(seq)
      return command === 'members' ? [{ Seq: 3, Error: '' }, { Event: 'member-join', Members: [memberBytes] }, ...ok(seq, { Members: [] })] : ok(seq)
    })
    const rpc = await connectSerf(address, 'key')
    let events = 0
    await rpc.watchMembers(() => {
      events += 1
    })
    expect(await rpc.members()).toEqual([])
    expect(events).toBe(1)
    rpc.close()
  })

  test('a connection that ends fails what waits on it', async () => {
    const { address, sockets } = await serve((command, seq) => {
      if (command === 'members') for (const socket of sockets) socket.destroy()
      return command === 'members' ? [] : ok(seq)
    })
    const rpc = await connectSerf(address, 'key')
    await expect(rpc.members()).rejects.toThrow()
    await rpc.closed
    await expect(rpc.members()).rejects.toThrow('connection closed')
  })

  test('nobody there is an error at once', async () => {
    const { address } = await serve(() => [])
    await expect(connectSerf({ ...address, port: 1 }, 'key')).rejects.toThrow('ECONNREFUSED')
  })
})
