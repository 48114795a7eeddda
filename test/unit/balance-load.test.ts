import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeGossip, DATAGRAM_LIMIT_BYTES, encodeGossip } from '../../agent/balance/gossip-codec.ts'
import { AGE_LIMIT_MS, GossipTable, KEPT_ENTRIES, newsOf, SENT_ENTRIES } from '../../agent/balance/gossip-table.ts'
import type { GossipMessage } from '../../agent/balance/gossip-table.ts'
import { DEFAULT_ADMIN_SETTINGS } from '../../schema/admin-api.ts'
import { extendHistory, jobLoad, NO_HISTORY } from '../../agent/balance/job-history.ts'
import type { DecayMode } from '../../agent/balance/job-history.ts'
import { IDLE, smoothLoad, standardLoad } from '../../agent/balance/load.ts'
import { seededRandom } from '../../agent/balance/random.ts'
import type { LoadEntry } from '../../schema/load.ts'
import { entry } from './balance-helpers.ts'

describe('the two views of a node\'s load', () => {
  test('its own rises slowly and falls at once', () => {
    const risen = smoothLoad(IDLE, 8)
    expect(risen.own).toBe(3)
    expect(smoothLoad(risen, 8).own).toBeCloseTo(4.875)
    expect(smoothLoad(risen, 1).own).toBe(1)
  })

  test('the exported one rises at once and falls slowly', () => {
    const risen = smoothLoad(IDLE, 8)
    expect(risen.exported).toBe(8)
    expect(smoothLoad(risen, 0).exported).toBe(7)
  })

  test('the own view is never above the exported one, and both come to a steady load', () => {
    fc.assert(fc.property(fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { maxLength: 60 }), fc.double({ min: 0, max: 100, noNaN: true }), (samples, steady) => {
      let views = IDLE
      for (const sample of samples) {
        views = smoothLoad(views, sample)
        expect(views.own).toBeLessThanOrEqual(views.exported + 1e-9)
      }
      for (let second = 0; second < 200; second++) views = smoothLoad(views, steady)
      expect(views.own).toBeCloseTo(steady, 3)
      expect(views.exported).toBeCloseTo(steady, 3)
    }))
  })

  test('load counts in standard CPUs', () => {
    expect(standardLoad(4, { cpus: 2, speed: 20_000 })).toBe(1)
    expect(standardLoad(1, { cpus: 1, speed: 2_500 })).toBe(4)
  })
})

describe('a job\'s history', () => {
  const after = (mode: DecayMode, busySeconds: number, idleSeconds: number): number => {
    let history = NO_HISTORY
    for (let second = 0; second < busySeconds; second++) history = extendHistory(history, 1, 1, mode, DEFAULT_ADMIN_SETTINGS.decay)
    for (let second = 0; second < idleSeconds; second++) history = extendHistory(history, 0, 1, mode, DEFAULT_ADMIN_SETTINGS.decay)
    return history.runnable
  }

  test('fades by the seed\'s figures: fast 926, slow 975 of 1000 each second', () => {
    expect(after('fast', 1_000, 9)).toBeCloseTo(0.926 ** 9, 2)
    expect(after('slow', 1_000, 9)).toBeCloseTo(0.975 ** 9, 2)
  })

  test('with nodecay the whole past counts the same', () => {
    expect(after('none', 300, 100)).toBeCloseTo(0.75)
  })

  test('of a young job is the average of its life', () => {
    expect(after('slow', 2, 2)).toBeCloseTo(0.5, 1)
  })

  test('is set aside for cpujob and iojob', () => {
    const history = { runnable: 0.6, seconds: 10 }
    expect(jobLoad(history, 'mixed', 0.2)).toBe(0.6)
    expect(jobLoad(history, 'cpu', 0.2)).toBe(1)
    expect(jobLoad(history, 'io', 0.2)).toBe(0.2)
  })
})

/** What `own` tells of itself and, with their ages, of others. */
function told(own: LoadEntry, ...others: [LoadEntry, number][]): GossipMessage {
  return { own, sentMs: 0, news: newsOf(others.map(([each, ageMs]) => ({ entry: each, bornMs: -ageMs }))) }
}

describe('the gossip table', () => {
  test('keeps of each node the fresher figure, whichever way it comes', () => {
    const table = new GossipTable(1)
    table.merge(told(entry(3), [entry(2, { load: 1 }), 500]), 10_000)
    table.merge(told(entry(3), [entry(2, { load: 9 }), 1_500]), 10_200)
    expect(table.seen(10_200)).toEqual([{ ...entry(3), ageMs: 0 }, { ...entry(2, { load: 1 }), ageMs: 700 }])
    table.merge(told(entry(2, { load: 3 })), 10_300)
    expect(table.seen(10_300).map(({ id, load }) => [id, load])).toEqual([[2, 3], [3, 0]])
  })

  test('never believes others about this node, and forgets what is old', () => {
    const table = new GossipTable(1)
    table.merge(told(entry(2), [entry(1), 0]), 0)
    table.merge(told(entry(1)), 0)
    expect(table.seen(0).map(({ id }) => id)).toEqual([2])
    expect(table.seen(AGE_LIMIT_MS + 1)).toEqual([])
    expect(decodeGossip(encodeGossip(table.message(entry(1), AGE_LIMIT_MS + 1)))?.message.news.ids).toEqual([])
  })

  test('holds and sends a bounded number, the freshest, whatever comes in whatever order', () => {
    const news = fc.array(fc.record({ id: fc.integer({ min: 0, max: 300 }), age: fc.integer({ min: 0, max: 30_000 }) }), { minLength: 1, maxLength: 33 })
    fc.assert(fc.property(fc.array(news, { maxLength: 8 }), (messages) => {
      const table = new GossipTable(1)
      const freshest = new Map<number, number>()
      for (const message of messages) {
        table.merge(told(entry(1), ...message.map(({ id, age }): [LoadEntry, number] => [entry(id), age])), 1_000_000)
        for (const { id, age } of message) if (id !== 1 && age <= AGE_LIMIT_MS) freshest.set(id, Math.min(age, freshest.get(id) ?? Infinity))
      }
      const kept = table.seen(1_000_000)
      expect(kept.length).toBe(Math.min(KEPT_ENTRIES, freshest.size))
      const best = [...freshest.values()].sort((a, b) => a - b).slice(0, kept.length)
      expect(kept.map(({ ageMs }) => ageMs)).toEqual(best)
      expect(new Set(kept.map(({ id }) => id)).size).toBe(kept.length)
      expect(table.message(entry(1), 1_000_000).news.ids.length).toBeLessThanOrEqual(SENT_ENTRIES)
    }))
  })

  test('spreads news of 500 nodes so that the 32 freshest are a few seconds old', () => {
    const random = seededRandom(3)
    const tables = Array.from({ length: 500 }, (_, index) => new GossipTable(index))
    for (let second = 0; second < 40; second++) {
      for (const [index, table] of tables.entries()) {
        tables[Math.floor(random() * 500)]?.merge(table.message(entry(index), second * 1_000 + index * 2), second * 1_000 + index * 2)
      }
    }
    const ages = tables.flatMap((table) => table.seen(40_000).map(({ ageMs }) => ageMs))
    expect(ages.reduce((sum, age) => sum + age, 0) / ages.length).toBeLessThan(4_000)
  })

  test('members that are gone are forgotten', () => {
    const table = new GossipTable(1)
    table.merge(told(entry(2), [entry(3), 1], [entry(4), 2]), 0)
    table.keepOnly((id) => id !== 3)
    expect(table.seen(0).map(({ id }) => id)).toEqual([2, 4])
  })
})

describe('the gossip datagram', () => {
  const entries = fc.record({
    id: fc.integer({ min: 0, max: 0xffff }), cpus: fc.integer({ min: 1, max: 0xffff }), speed: fc.integer({ min: 1, max: 0xffff_ffff }), load: fc.integer({ min: 0, max: 0xffff }).map((load) => load / 100),
    jobs: fc.integer({ min: 0, max: 0xffff }), memoryTotalKiB: fc.integer({ min: 0, max: 0xffff_ffff }), memoryFreeKiB: fc.integer({ min: 0, max: 0xffff_ffff }), utilisation: fc.integer({ min: 0, max: 100 }),
    gives: fc.boolean(), takes: fc.boolean(), cpuClass: fc.integer({ min: 0, max: 0xffff_ffff }),
  }) satisfies fc.Arbitrary<LoadEntry>

  test('says what was put into it', () => {
    fc.assert(fc.property(entries, fc.array(fc.tuple(entries, fc.integer({ min: 0, max: AGE_LIMIT_MS })), { maxLength: SENT_ENTRIES }), (own, others) => {
      const message = told(own, ...others)
      const bytes = encodeGossip(message)
      expect(bytes.length).toBeLessThanOrEqual(DATAGRAM_LIMIT_BYTES)
      expect(decodeGossip(bytes)).toEqual({ sender: own.id, message })
    }))
  })

  test('fits one packet of the mesh', () => {
    expect(DATAGRAM_LIMIT_BYTES).toBeLessThan(1_280)
  })

  test('anything else is passed over and never throws', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 1_500 }), (bytes) => decodeGossip(Buffer.from(bytes)) === undefined))
    const good = encodeGossip(told(entry(2)))
    fc.assert(fc.property(fc.integer({ min: 0, max: good.length - 1 }), fc.integer({ min: 0, max: 255 }), (at, value) => {
      const bad = Buffer.from(good)
      bad[at] = value
      const decoded = decodeGossip(bad)
      expect(decoded === undefined || decoded.message.news.ids.length === 0).toBe(true)
    }))
    expect(decodeGossip(good.subarray(0, -1))).toBeUndefined()
  })

  test('a sender speaks first of itself', () => {
const bytes = encodeGossip(told(entry(2)))
    bytes.writeUInt16BE(3, 4)
    expect(decodeGossip(bytes)).toBeUndefined()
  })
})
