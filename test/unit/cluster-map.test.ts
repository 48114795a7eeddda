import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatClusterMap, parseClusterMap, type MappedNode } from '../../agent/members/cluster-map.ts'
import { idByMap } from '../../agent/members/static-members.ts'
import { Rejoin } from '../../agent/members/rejoin.ts'
import type { Lease } from '../../schema/node-state.ts'
import { testJob } from './job-helpers.ts'

const fixture = (name: string): string => readFileSync(new URL(`../fixtures/maps/${name}`, import.meta.url), 'utf8')

describe('a map file', () => {
  test.each(['names', 'ranges', 'alias'])('%s.map reads as its golden file', (name) => {
    expect(parseClusterMap(fixture(`${name}.map`))).toEqual(JSON.parse(fixture(`${name}.json`)))
  })

  test.each([
    ['1 192.168.1.1', /line 1: three words/], ['1 192.168.1.1 1 1', /three words/], ['0 192.168.1.1 1', /"0" is no node id/], ['65536 192.168.1.1 1', /no node id/],
    ['x 192.168.1.1 1', /no node id/], ['65530 192.168.1.1 10', /no count/], ['1 192.168.1.256 1', /no IPv4 address/], ['1 192.168.1 1', /no IPv4 address/], ['1 -host 1', /no host name/],
    ['1 192.168.1.1 many', /no count of nodes/], ['1 192.168.1.250 10', /beyond 192\.168\.1\.255/], ['1 node 2', /needs an address/], ['', /names no node/], ['# only this', /names no node/],
    ['1 192.168.1.1 ALIAS', /no line of its own/], ['1 192.168.1.1 3\n2 192.168.1.9 1', /line 2: node 2 is on an earlier line/], ['1 192.168.1.1 3\n9 192.168.1.3 1', /line 2: 192\.168\.1\.3 is node 3's/],
    ['1 10.0.0.0 256\n1000 10.1.0.0 256\n2000 10.2.0.0 256\n3000 10.3.0.0 256\n4000 10.4.0.1 1', /more than 1024 nodes/],
  ])('%j is refused with its line', (text, reason) => {
    expect(() => parseClusterMap(text)).toThrow(reason)
  })

  test('whatever members there are, their map reads back as the same members', () => {
    const address = fc.tuple(fc.constantFrom('10.0.0', '10.0.1', '192.168.7'), fc.integer({ min: 0, max: 255 })).map(([net, last]) => `${net}.${last}`)
    const nodes = fc.uniqueArray(address, { minLength: 1, maxLength: 40 }).chain((addresses) => fc.record({
      ids: fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: addresses.length }), addresses: fc.constant(addresses),
    })).map(({ ids, addresses }) => ids.toSorted((one, other) => one - other).map((id, index): MappedNode => ({ id, hosts: addresses.filter((_, at) => at % ids.length === index) })))
    fc.assert(fc.property(nodes, (members) => {
      expect(parseClusterMap(formatClusterMap(members))).toEqual(members)
    }))
  })

  test('whatever is in the file, the answer is a map or an error for its reader', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.array(fc.constantFrom('1', '2', ' ', '\n', '10.0.0.1', 'ALIAS', '#', '0', '300', 'host')).map((words) => words.join(' '))), (text) => {
      try {
        expect(parseClusterMap(text).length).toBeGreaterThan(0)
      } catch (error) {
        expect(error).toMatchObject({ code: 'BAD_MAP' })
      }
    }))
  })
})

describe('the id by a map', () => {
  const leases: Lease[] = [{ interface: 'eth0', address: '192.168.1.4', prefixLength: 24, kind: 'static' } as Lease]
  const members = [{ id: 3, addresses: ['192.168.1.3'] }, { id: 4, addresses: ['10.0.0.4', '192.168.1.4'] }]

  test('is that of the line with any of the node\'s addresses', () => {
    expect(idByMap(members, { id: 260, leases, jobs: [testJob({ outcome: { exit: 0 } })] })).toBe(4)
    expect(() => idByMap(members.slice(0, 1), { id: 260, leases, jobs: [] })).toThrow(/none of this node's addresses/)
  })

  test('does not change under jobs that run', () => {
    expect(() => idByMap(members, { id: 260, leases, jobs: [testJob({})] })).toThrow(/jobs run/)
    expect(idByMap(members, { id: 4, leases, jobs: [testJob({})] })).toBe(4)
  })
})

test('nodes that are named are tried at once, and again until they are members; named anew, at once again', () => {
  const rejoin = new Rejoin([])
  const view = { discovered: [], present: new Set(['10.0.0.1']) }
  rejoin.name(['10.0.0.1', '10.0.0.2'])
  expect(rejoin.due(view, 0)).toEqual(['10.0.0.2'])
  rejoin.attempted('10.0.0.2', 0)
  expect(rejoin.due(view, 1)).toEqual([])
  expect(rejoin.due(view, 1_000)).toEqual(['10.0.0.2'])
  rejoin.attempted('10.0.0.2', 1_000)
  rejoin.name(['10.0.0.2'])
  expect(rejoin.due(view, 1_001)).toEqual(['10.0.0.2'])
  rejoin.name([])
  expect(rejoin.due(view, 100_000)).toEqual([])
})
