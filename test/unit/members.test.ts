import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { chooseAddress, type AddressView } from '../../agent/members/address-choice.ts'
import { claimsOfOthers, memberTable } from '../../agent/members/member-table.ts'
import { Rejoin, type RejoinView } from '../../agent/members/rejoin.ts'
import { newSelf, restoreSelf, tagsOf } from '../../agent/members/self.ts'
import { gossipKeyOf, isSameService, serfConfig, serfConfigSchema, type SerfSettings } from '../../agent/members/serf-config.ts'
import type { SerfMember } from '../../agent/members/serf-rpc.ts'
import type { DiscoveredNode } from '../../agent/state.ts'
import { memberTagsSchema } from '../../schema/discovery.ts'
import type { Lease } from '../../schema/node-state.ts'

function serfMember(machine: number, address: string, status: SerfMember['Status'], tags: { id: number; born?: number }): SerfMember {
  const name = machine.toString(16).padStart(12, '0')
  return {
    Name: `${name}-${address}`,
    Addr: address,
    Status: status,
    Tags: { id: String(tags.id), name: `plump-${tags.id.toString(16).padStart(4, '0')}`, cpus: '2', born: String(tags.born ?? 100), v: '1' },
  }
}
const selfMember = serfMember(1, '10.0.0.1', 'alive', { id: 1 })
const self = selfMember.Name

describe('member table', () => {
  test('lists everyone by id, this node included', () => {
    const table = memberTable([serfMember(2, '10.0.0.2', 'failed', { id: 2 }), selfMember, serfMember(3, '10.0.0.3', 'left', { id: 3 })], self)
    expect(table).toEqual([
      { id: 1, name: 'plump-0001', addresses: ['10.0.0.1'], state: 'alive', cpus: 2, self: true },
      { id: 2, name: 'plump-0002', addresses: ['10.0.0.2'], state: 'failed', cpus: 2, self: false },
      { id: 3, name: 'plump-0003', addresses: ['10.0.0.3'], state: 'left', cpus: 2, self: false },
    ])
  })

  test('a machine that came back under another address appears once, alive', () => {
    const before = serfMember(2, '10.0.0.2', 'failed', { id: 2, born: 100 })
    const after = serfMember(2, '10.0.0.9', 'alive', { id: 9, born: 200 })
    for (const members of [[before, after], [after, before]]) {
      expect(memberTable([selfMember, ...members], self).slice(1)).toEqual([expect.objectContaining({ id: 9, state: 'alive', addresses: ['10.0.0.9'] })])
    }
  })

  test('of two entries that are away the one born last tells the id', () => {
    const table = memberTable([selfMember, serfMember(2, '10.0.0.2', 'left', { id: 2, born: 300 }), serfMember(2, '10.0.0.9', 'failed', { id: 9, born: 200 })], self)
    expect(table[1]).toMatchObject({ id: 2, state: 'left' })
  })

  test('an id that is in use again is its new holder\'s', () => {
    expect(memberTable([selfMember, serfMember(2, '10.0.0.2', 'failed', { id: 5 }), serfMember(3, '10.1.0.5', 'alive', { id: 5 })], self)).toHaveLength(2)
  })

  test('this node is alive even if an entry of its last address says otherwise', () => {
    const table = memberTable([serfMember(1, '10.0.0.8', 'left', { id: 1, born: 100 }), selfMember], self)
    expect(table).toEqual([expect.objectContaining({ state: 'alive', addresses: ['10.0.0.1'], self: true })])
  })

  test('a member tells the name servers it has, if any', () => {
    const named = (dns: string): SerfMember => ({ ...serfMember(2, '10.0.0.2', 'alive', { id: 2 }), Tags: { ...serfMember(2, '10.0.0.2', 'alive', { id: 2 }).Tags, dns } })
    expect(memberTable([named('10.0.0.1 10.0.0.9')], self)[0]?.nameServers).toEqual(['10.0.0.1', '10.0.0.9'])
    expect(memberTable([named('')], self)[0]).not.toHaveProperty('nameServers')
    expect(memberTable([named('1.1.1.1 '.repeat(4))], self), 'more than three').toEqual([])
  })

  test('members that are not nodes, and tags that do not parse, are passed over', () => {
    const odd = { ...serfMember(2, '10.0.0.2', 'alive', { id: 2 }), Name: 'somebody' }
    const untagged = { ...serfMember(3, '10.0.0.3', 'alive', { id: 3 }), Tags: { id: 'x' } }
    expect(memberTable([selfMember, odd, untagged], self)).toHaveLength(1)
  })

  test('claims on ids leave this machine\'s own old entries out', () => {
    const others = [serfMember(1, '10.0.0.8', 'failed', { id: 7 }), serfMember(2, '10.0.0.2', 'alive', { id: 2 }), serfMember(3, '10.0.0.3', 'failed', { id: 3 }), serfMember(4, '10.0.0.4', 'left', { id: 4 })]
    expect(claimsOfOthers([selfMember, ...others], self)).toEqual({ alive: [{ serfName: '000000000002-10.0.0.2', id: 2, born: 100 }], away: [3] })
  })
})

describe('whom to join', () => {
  const heard = (address: string, lastHeardMs = 0, kind: DiscoveredNode['kind'] = 'same-cluster'): DiscoveredNode => ({ address, kind, lastHeardMs })
  const view = (discovered: readonly DiscoveredNode[], present: readonly string[] = []): RejoinView => ({ discovered, present: new Set(present) })
  /** Times within `limitMs` at which the addresses are tried when no attempt succeeds. */
  const attemptsAt = (rejoin: Rejoin, seen: (nowMs: number) => RejoinView, fromMs: number, limitMs: number): number[] => {
    const times: number[] = []
    for (let nowMs = fromMs; nowMs < fromMs + limitMs; nowMs += 100) {
      for (const address of rejoin.due(seen(nowMs), nowMs)) {
        rejoin.attempted(address, nowMs)
        times.push(nowMs)
      }
    }
    return times
  }

  test('an address of our cluster that is no live member\'s, at once; strangers and members never', () => {
    const rejoin = new Rejoin([])
    expect(rejoin.due(view([heard('10.0.0.2'), heard('10.0.0.3', 0, 'stranger'), heard('10.0.0.4')], ['10.0.0.4']), 0)).toEqual(['10.0.0.2'])
  })

  test('one that does not answer is tried with growing pauses', () => {
    expect(attemptsAt(new Rejoin([]), () => view([heard('10.0.0.2')]), 0, 60_000)).toEqual([0, 300, 1_300, 4_300, 14_300, 44_300])
  })

  test('one that is heard again is tried again, but at most every 5 s', () => {
    const talksOn = attemptsAt(new Rejoin([]), (nowMs) => view([heard('10.0.0.2', nowMs)]), 0, 30_000)
    expect(talksOn).toEqual([0, 300, 1_300, 4_300, 9_300, 14_300, 19_300, 24_300, 29_300])
  })

  test('another address of a member answers, and is then left in peace', () => {
    const rejoin = new Rejoin([])
    rejoin.attempted('10.0.0.2', 0)
    rejoin.answered('10.0.0.2', 10)
    expect(attemptsAt(rejoin, (nowMs) => view([heard('10.0.0.2', nowMs)]), 0, 600_000)).toEqual([])
  })

  test('seeds are tried without having been heard of', () => {
    expect(attemptsAt(new Rejoin(['10.0.0.7']), () => view([]), 0, 2_000)).toEqual([0, 300, 1_300])
  })

  test('a split heals: members that were alive are tried a minute after they went, and sooner when heard', () => {
    const silent = new Rejoin([])
    silent.noteAlive(['10.0.0.2'], 1_000)
    expect(attemptsAt(silent, () => view([]), 1_000, 200_000)).toEqual([61_000, 181_000])
    const healed = new Rejoin([])
    healed.noteAlive(['10.0.0.2'], 1_000)
    expect(healed.due(view([heard('10.0.0.2', 9_000)]), 9_000)).toEqual(['10.0.0.2'])
  })

  test('a member met through discovery is joined again after it failed, however it was joined the first time', () => {
    const rejoin = new Rejoin([])
    const crowd = Array.from({ length: 30 }, (_, index) => `10.0.1.${index}`)
    rejoin.attempted('10.0.0.2', 0)
    rejoin.answered('10.0.0.2', 10)
    rejoin.noteAlive(['10.0.0.2', ...crowd], 20)
    expect(rejoin.due(view([heard('10.0.0.2', 30_000)], crowd), 30_000)).toEqual(['10.0.0.2'])
  })

  test('remembers the last 20 addresses, no more', () => {
    const rejoin = new Rejoin([])
    for (let index = 0; index < 50; index++) rejoin.noteAlive([`10.0.0.${index}`], 0)
    expect(rejoin.due(view([]), 1_000_000)).toHaveLength(20)
  })
})

describe('the address to be known by', () => {
  const lease = (iface: string, address: string, kind: Lease['kind'] = 'dhcp'): Lease => ({ interface: iface, kind, address, prefixLength: kind === 'link-local' ? 16 : 24, dns: [], ntp: [] })
  const choose = (view: Partial<AddressView>): string | undefined => chooseAddress({ leases: [], current: undefined, neighbours: [], company: [], metHere: false, ...view })?.address
  const first = lease('eth0', '10.0.0.5')
  const second = lease('eth1', '10.1.0.5')
  const local = lease('eth2', '169.254.7.7', 'link-local')

  test('is the first that was had; given before link-local', () => {
    expect(choose({})).toBeUndefined()
    expect(choose({ leases: [first, second] })).toBe('10.0.0.5')
    expect(choose({ leases: [local, second] })).toBe('10.1.0.5')
    expect(choose({ leases: [local] })).toBe('169.254.7.7')
  })

  test('stays while it is there', () => {
    expect(choose({ leases: [first, second], current: '10.1.0.5' })).toBe('10.1.0.5')
  })

  test('changes when it is gone', () => {
    expect(choose({ leases: [second], current: '10.0.0.5', company: ['10.0.0.9'], metHere: true })).toBe('10.1.0.5')
  })

  test('of a node alone goes to the network where nodes of its cluster are', () => {
    expect(choose({ leases: [first, second], current: '10.0.0.5', neighbours: ['10.1.0.9'] })).toBe('10.1.0.5')
    expect(choose({ leases: [first, second], current: '10.0.0.5', neighbours: ['10.1.0.9', '10.0.0.9'] })).toBe('10.0.0.5')
    expect(choose({ leases: [local, second], current: '10.1.0.5', neighbours: ['169.254.1.1'] })).toBe('169.254.7.7')
  })

  test('of a node with company stays, wherever others are heard', () => {
    const stays = { leases: [first, second], current: '10.0.0.5', neighbours: ['10.1.0.8', '10.1.0.9'] }
    expect(choose({ ...stays, company: ['10.0.0.9', '10.1.0.9'] })).toBe('10.0.0.5')
    expect(choose({ ...stays, company: ['10.1.0.9'], metHere: true }), 'two nodes with two cards do not chase each other').toBe('10.0.0.5')
    expect(choose({ leases: [first, second], current: '10.0.0.5', company: ['10.7.0.9'] }), 'by a router').toBe('10.0.0.5')
  })

  test('a node that was joined by its other card goes where it was joined, or it would be seen as failed', () => {
    expect(choose({ leases: [first, second], current: '10.0.0.5', company: ['10.1.0.9'] })).toBe('10.1.0.5')
  })
})

describe('serf.json', () => {
  const clusterKey = new Uint8Array(32).fill(7)
  const MESH_KEY = `${'k'.repeat(43)}=`
  const born = { machine: '525400123456', born: 1_700_000_000, cpus: 4 }
  const settings: SerfSettings = {
    machine: born.machine, address: '10.0.0.5', keyringFile: '/run/plump/serf/keyring.json', tags: tagsOf(born, 5, 'plump-0005', MESH_KEY, [], []), snapshotFile: '/run/plump/serf/snapshot', rpcKey: 'secret',
  }

  test('encrypts with 32 bytes that are not the cluster key', () => {
    const key = Buffer.from(gossipKeyOf(clusterKey), 'base64')
    expect(key).toHaveLength(32)
    expect(key.equals(clusterKey)).toBe(false)
    expect(gossipKeyOf(new Uint8Array(32))).not.toBe(gossipKeyOf(clusterKey))
  })

  test('listens everywhere, is known by the identity\'s address, and has its RPC on the loopback with a key', () => {
    expect(serfConfig(settings)).toMatchObject({
      node_name: '525400123456-10.0.0.5', bind: '0.0.0.0:7946', advertise: '10.0.0.5', rpc_addr: '127.0.0.1:7373', rpc_auth: 'secret',
      reconnect_timeout: '168h', replay_on_join: false, leave_on_terminate: true, profile: 'lan',
    })
  })

  test('a running serf serves on when only tags or the RPC key differ', () => {
    const config = serfConfig(settings)
    expect(isSameService(config, serfConfig({ ...settings, tags: {}, rpcKey: 'other' }))).toBe(true)
    expect(isSameService(config, serfConfig({ ...settings, address: '10.0.0.6' }))).toBe(false)
    expect(isSameService(config, serfConfigSchema.parse(JSON.parse(JSON.stringify(config))))).toBe(true)
  })

  test('a restarted agent finds in it who its node is, unless it is of another cluster', () => {
    const config = serfConfig(settings)
    expect(restoreSelf(config, true)).toEqual(born)
    expect(restoreSelf(config, false)).toBeUndefined()
    expect(restoreSelf({ ...config, tags: {} }, true)).toBeUndefined()
    expect(restoreSelf(undefined, true)).toBeUndefined()
  })

  test('tags fit into what memberlist carries and read back as they were', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 65534 }), fc.integer({ min: 1, max: 4096 }), (id, cpus) => {
      const name = `${'n'.repeat(32)}-ffff`
      const leases = Array.from({ length: 6 }, (_, card): Lease => ({ interface: `eth${card}`, kind: 'dhcp', address: `255.255.255.1${card}0`, prefixLength: 24, dns: [], ntp: [] }))
      const servers = ['255.255.255.251', '255.255.255.252', '255.255.255.253', '255.255.255.254']
      const tags = tagsOf({ ...born, cpus }, id, name, MESH_KEY, leases, servers)
      expect(JSON.stringify(tags).length).toBeLessThan(512)
      expect(memberTagsSchema.parse(tags)).toEqual({
        id, name, cpus, born: born.born, wg: MESH_KEY, net: leases.slice(0, 4).map(({ address, prefixLength }) => ({ address, prefixLength })), dns: servers.slice(0, 3), v: '1',
      })
    }))
  })

  test('a machine is named after its card, or after its address when the card has no MAC', () => {
    const folder = mkdtempSync(join(tmpdir(), 'plump-members-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    mkdirSync(join(folder, 'eth0'))
    writeFileSync(join(folder, 'eth0', 'address'), '52:54:00:AB:cd:01\n')
    const lease: Lease = { interface: 'eth0', kind: 'dhcp', address: '10.0.0.5', prefixLength: 24, dns: [], ntp: [] }
    expect(newSelf(lease, 1_700_000_000_900, folder)).toMatchObject({ machine: '525400abcd01', born: 1_700_000_000 })
    expect(newSelf({ ...lease, interface: 'ppp0' }, 0, folder).machine).toBe('00000a000005')
  })
})
