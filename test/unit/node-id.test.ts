import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nodeIdOf, nodeName } from '../../agent/identity/node-id.ts'
import { nextFreeId, settleId, type IdClaim } from '../../agent/members/id-clash.ts'
import { machineOf, serfNodeName } from '../../agent/members/serf-name.ts'

describe('id of an address', () => {
  test('is its low 16 bits, as omdiscd had it', () => {
    expect(nodeIdOf('192.168.10.220')).toBe(2780)
    expect(nodeName('plump', 2780)).toBe('plump-0adc')
  })

  test('is never one whose mesh address would be the network or its broadcast', () => {
    expect(nodeIdOf('10.1.0.0')).toBe(1)
    expect(nodeIdOf('10.1.255.255')).toBe(65534)
  })
})

describe('next free id', () => {
  test('goes up, and round at the end', () => {
    expect(nextFreeId(10, new Set([11, 12]))).toBe(13)
    expect(nextFreeId(65534, new Set([1]))).toBe(2)
  })

  test('is free, whatever is taken', () => {
    const id = fc.integer({ min: 1, max: 65534 })
    fc.assert(fc.property(id, fc.uniqueArray(id), (start, taken) => {
      const next = nextFreeId(start, new Set(taken))
      expect(taken).not.toContain(next)
      expect(next).toBeGreaterThanOrEqual(1)
      expect(next).toBeLessThanOrEqual(65534)
      expect(next).not.toBe(start)
    }))
  })
})

describe('clash of ids', () => {
  const older: IdClaim = { serfName: 'bb0000000000-10.0.0.1', id: 7, born: 100 }
  const younger: IdClaim = { serfName: 'aa0000000000-10.1.0.7', id: 7, born: 200 }

  test('the younger node gives way', () => {
    expect(settleId(older, [younger])).toBe(7)
    expect(settleId(younger, [older])).toBe(8)
  })

  test('of two born in one second the larger name gives way', () => {
    const twin = { ...older, serfName: 'cc0000000000-10.1.0.7' }
    expect(settleId(older, [twin])).toBe(7)
    expect(settleId(twin, [older])).toBe(8)
  })

  test('ids of members that are away are not taken', () => {
    expect(settleId(younger, [older], [8, 9])).toBe(10)
  })

  test('a node without a clash keeps its id, though that of one that is away', () => {
    expect(settleId(younger, [], [7])).toBe(7)
  })

  test('whatever the order in which nodes decide, and on views however stale in between, all ids end distinct', () => {
    const node = fc.record({ id: fc.integer({ min: 1, max: 12 }), born: fc.integer({ min: 0, max: 4 }) })
    fc.assert(fc.property(fc.array(node, { minLength: 1, maxLength: 12 }), fc.array(fc.nat(), { maxLength: 60 }), (nodes, choices) => {
      const now: IdClaim[] = nodes.map((each, index) => ({ ...each, serfName: serfNodeName(index.toString(16).padStart(12, '0'), '10.0.0.1') }))
      const views: IdClaim[][] = now.map(() => [...now])
      const decide = (index: number): boolean => {
        const self = now[index]
        const view = views[index]
        if (!self || !view) return false
        const id = settleId(self, view.filter((other) => other.serfName !== self.serfName))
        now[index] = { ...self, id }
        return id !== self.id
      }
      const learn = (index: number): void => {
        views[index] = [...now]
      }
      for (const choice of choices) {
        const index = choice % now.length
        if (choice % 2 === 0) learn(index)
        else decide(index)
      }
      // Then gossip settles: everyone hears of everyone, one after the other, until nobody moves.
      let rounds = 0
      const all = [...now.keys()]
      while (all.map((index) => (learn(index), decide(index))).some((moved) => moved)) {
        rounds += 1
        expect(rounds).toBeLessThanOrEqual(now.length)
      }
      expect(new Set(now.map((each) => each.id)).size).toBe(now.length)
    }))
  })
})

test('a name in Serf tells the machine', () => {
  expect(machineOf(serfNodeName('525400123456', '10.0.0.7'))).toBe('525400123456')
  expect(machineOf('somebody')).toBeUndefined()
})
