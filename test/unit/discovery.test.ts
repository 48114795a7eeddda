import { decode, encode } from 'dns-packet'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { tellOfStrangers } from '../../agent/discovery/discovery.ts'
import { fingerprintOf } from '../../agent/discovery/fingerprint.ts'
import { KnownNodes, MAX_KNOWN_NODES } from '../../agent/discovery/known-nodes.ts'
import { answerDelayMs, queryDelayMs, RateLimit, shouldAnnounce, shouldAnswer, shouldQuery } from '../../agent/discovery/pace.ts'
import { announcementRecords, asksForService, readAnnouncement, readPacket, serviceQuestion, type Announcement } from '../../agent/discovery/records.ts'
import { formatWaitingLine, parseConsoleLine } from '../../schema/stage-line.ts'

const HERE = { address: '192.168.1.5', prefixLength: 24 }
const OURS = fingerprintOf(new Uint8Array(32).fill(1))
const THEIRS = fingerprintOf(new Uint8Array(32).fill(2))
const FROM = { address: '192.168.1.9', port: 5353 }

/** What a node at `address` sends, as it comes out of the wire. */
function heard(address: string, fingerprint = OURS): unknown {
  return decode(encode({ type: 'response', answers: announcementRecords('0123456789abcdef', fingerprint, address) }))
}

function readFrom(packet: unknown, source = FROM): Announcement | undefined {
  const parsed = readPacket(packet, source, HERE)
  return parsed && readAnnouncement(parsed, source.address, HERE)
}

function announcement(address: string, fingerprint = OURS, ttlSeconds = 240): Announcement {
  return { addresses: [address], fingerprint, ttlSeconds }
}

describe('announcement', () => {
  test('is read as it was written, through real DNS bytes', () => {
    expect(readFrom(heard(FROM.address))).toEqual({ addresses: [FROM.address], fingerprint: OURS, ttlSeconds: 240 })
  })

  test('shows nothing of the machine or the key but the fingerprint', () => {
    const records = announcementRecords('0123456789abcdef', OURS, FROM.address)
    expect(records.flatMap((record) => record.type === 'TXT' ? record.data : [])).toEqual(['v=1', `f=${OURS}`])
    expect(OURS).toMatch(/^[0-9a-f]{16}$/)
    expect(OURS).not.toBe(THEIRS)
  })

  test('an address elsewhere in an A record is not believed, the source is', () => {
    expect(readFrom(heard('8.8.8.8'))?.addresses).toEqual([FROM.address])
    expect(readFrom(heard('224.0.0.251'))?.addresses).toEqual([FROM.address])
    expect(readFrom(heard('192.168.1.44'))?.addresses).toEqual([FROM.address, '192.168.1.44'])
  })

  test('packets from other networks, from ourselves or from other ports are not read', () => {
    expect(readFrom(heard('10.9.9.9'), { address: '10.9.9.9', port: 5353 })).toBeUndefined()
    expect(readFrom(heard(HERE.address), { address: HERE.address, port: 5353 })).toBeUndefined()
    expect(readFrom(heard(FROM.address), { ...FROM, port: 40_000 })).toBeUndefined()
  })

  test('another version or a fingerprint of another form is not an announcement', () => {
    const withText = (data: string[]): unknown => decode(encode({
      type: 'response',
      answers: announcementRecords('x', OURS, FROM.address).map((record) => record.type === 'TXT' ? { ...record, data } : record),
    }))
    expect(readFrom(withText(['v=2', `f=${OURS}`]))).toBeUndefined()
    expect(readFrom(withText(['v=1', 'f=short']))).toBeUndefined()
    expect(readFrom(withText(['v=1']))).toBeUndefined()
    expect(readFrom(withText(['v=1', `f=${OURS}`, 'more=1']))).toBeDefined()
  })

  test('other devices on the wire are passed over', () => {
    const printer = decode(encode({ type: 'response', answers: [
      { name: '_ipp._tcp.local', type: 'PTR', ttl: 4500, data: 'Printer._ipp._tcp.local' },
      { name: 'printer.local', type: 'AAAA', ttl: 120, data: 'fe80::1' },
      { name: 'printer.local', type: 'A', ttl: 120, data: FROM.address },
    ] }))
    expect(readPacket(printer, FROM, HERE)).toBeDefined()
    expect(readFrom(printer)).toBeUndefined()
  })

  test('a packet with more records than a section may have is not read', () => {
    const answers = Array.from({ length: 65 }, (_, index) => ({ name: `host${index}.local`, type: 'A' as const, ttl: 1, data: '192.168.1.7' }))
    expect(readPacket(decode(encode({ type: 'response', answers })), FROM, HERE)).toBeUndefined()
  })

  test('nothing that may come out of a decoder makes reading throw', () => {
    fc.assert(fc.property(fc.anything(), (garbage) => {
      expect(readFrom(garbage)).toBeUndefined()
      expect(readFrom({ type: 'response', answers: [garbage, { type: 'PTR', name: garbage, ttl: 1, data: 'x' }] })).toBeUndefined()
    }))
  })
})

test('a query for our service is known, one for another is not', () => {
  const asks = (name: string): boolean => {
    const packet = readPacket(decode(encode({ type: 'query', questions: [{ ...serviceQuestion(), name }] })), FROM, HERE)
    return packet !== undefined && asksForService(packet)
  }
  expect(asks('_plump._udp.local')).toBe(true)
  expect(asks('_PLUMP._udp.local')).toBe(true)
  expect(asks('_ipp._tcp.local')).toBe(false)
})

describe('known nodes', () => {
  test('tells our cluster from strangers, freshest first', () => {
    const known = new KnownNodes(() => ({ newest: OURS }))
    known.hear(announcement('192.168.1.9'), 0)
    known.hear(announcement('192.168.1.10', THEIRS), 10)
    expect(known.list(20)).toEqual([
      { address: '192.168.1.10', kind: 'stranger', lastHeardMs: 10 },
      { address: '192.168.1.9', kind: 'same-cluster', lastHeardMs: 0 },
    ])
  })

  test('forgets when an announcement runs out, is taken back, or its node took another key', () => {
    const known = new KnownNodes(() => ({ newest: OURS }))
    known.hear(announcement('192.168.1.9', OURS, 100), 0)
    expect(known.list(99_999)).toHaveLength(1)
    expect(known.list(100_000)).toEqual([])
    known.hear(announcement('192.168.1.9'), 0)
    known.hear(announcement('192.168.1.9', THEIRS, 0), 1)
    expect(known.list(2), 'a stranger cannot say goodbye for one of ours').toHaveLength(1)
    known.hear(announcement('192.168.1.9', OURS, 0), 3)
    expect(known.list(4)).toEqual([])
    known.hear(announcement('192.168.1.9'), 5)
    known.hear(announcement('192.168.1.9', THEIRS), 6)
    expect(known.list(7).map((node) => node.kind)).toEqual(['stranger'])
  })

  test('one that talks without pause is news only now and then', () => {
    const known = new KnownNodes(() => ({ newest: OURS }))
    expect(known.hear(announcement('192.168.1.9'), 0)).toBe(true)
    expect(known.hear(announcement('192.168.1.9'), 4_999)).toBe(false)
    expect(known.hear(announcement('192.168.1.9'), 5_000)).toBe(true)
  })

  test('is bounded, and a flood of strangers does not keep our own out', () => {
    const known = new KnownNodes(() => ({ newest: OURS }))
    for (let index = 0; index < 2 * MAX_KNOWN_NODES; index++) known.hear(announcement(`10.0.${index >> 8}.${index & 255}`, THEIRS), index)
    expect(known.list(3_000)).toHaveLength(MAX_KNOWN_NODES)
    known.hear(announcement('192.168.1.9'), 3_000)
    const nodes = known.list(3_000)
    expect(nodes).toHaveLength(MAX_KNOWN_NODES)
    expect(nodes[0]).toEqual({ address: '192.168.1.9', kind: 'same-cluster', lastHeardMs: 3_000 })
    expect(nodes.some((node) => node.address === '10.0.0.0'), 'the oldest stranger made room').toBe(false)
  })
})

describe('pace', () => {
  test('the first question goes out at once, then pauses grow to a minute', () => {
    const delays = [0, 1, 2, 3, 4, 5, 6, 7, 8, 50].map((attempt) => queryDelayMs(attempt, 2, 0.5))
    expect(delays).toEqual([0, 300, 700, 2_000, 4_000, 8_000, 15_000, 30_000, 60_000, 60_000])
    expect(queryDelayMs(50, 1, 0.5), 'a node alone').toBe(30_000)
  })

  test('jitter keeps within a fifth', () => {
    fc.assert(fc.property(fc.nat({ max: 30 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (attempt, random) => {
      const middle = queryDelayMs(attempt, 2, 0.5)
      expect(Math.abs(queryDelayMs(attempt, 2, random) - middle)).toBeLessThanOrEqual(middle * 0.2 + 1)
    }))
  })

  test('polling stops above three live members', () => {
    expect([0, 1, 2, 3, 4, 1000].map(shouldQuery)).toEqual([true, true, true, true, false, false])
  })

  test('announcements go out unasked only at the beginning', () => {
    expect([0, 1, 2, 3, 4, 5].map(shouldAnnounce)).toEqual([true, true, true, true, false, false])
  })

  test('answers wait 20 to 120 ms, stay away when members gave enough, and are not repeated within a second', () => {
    expect([answerDelayMs(0), answerDelayMs(0.5), answerDelayMs(1)]).toEqual([20, 70, 120])
    expect(shouldAnswer(0, Infinity)).toBe(true)
    expect(shouldAnswer(2, 1_000)).toBe(true)
    expect(shouldAnswer(3, Infinity)).toBe(false)
    expect(shouldAnswer(0, 999)).toBe(false)
  })

  test('the rate limit lets a burst through, then so many a second', () => {
    const limit = new RateLimit(10, 5)
    const allowed = (count: number, nowMs: number): number => Array.from({ length: count }, () => limit.allows(nowMs)).filter(Boolean).length
    expect(allowed(100, 0)).toBe(5)
    expect(allowed(100, 100)).toBe(1)
    expect(allowed(100, 10_000)).toBe(5)
  })
})

describe('what the console says of another cluster', () => {
  const stranger = (address: string) => ({ address, kind: 'stranger' as const, lastHeardMs: 0 })

  test('nothing while there is none', () => {
    expect(tellOfStrangers([{ address: '192.168.1.9', kind: 'same-cluster', lastHeardMs: 0 }], undefined)).toBeUndefined()
  })

  test('that it is there, not joined, and the way out, as one console line', () => {
    const waiting = tellOfStrangers([stranger('192.168.1.9')], undefined)
    expect(waiting?.for).toMatch(/another cluster, heard from 192\.168\.1\.9 .*not ours.*neither joins the other/)
    expect(waiting && parseConsoleLine(formatWaitingLine(waiting))).toEqual({ kind: 'waiting', ...waiting })
  })

  test('the same text while more strangers come, so that it is told once', () => {
    const before = tellOfStrangers([stranger('192.168.1.9')], undefined)
    expect(tellOfStrangers([stranger('192.168.1.7'), stranger('192.168.1.9')], before)).toEqual(before)
  })
})
