import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fixedAddressSchema, type FixedAddress } from '../../schema/network.ts'
import type { Lease, Member } from '../../schema/node-state.ts'
import { EMPTY_PANEL, typeIntoPanel, type AddressPanel } from '../../agent/console/address-panel.ts'
import { readTypedAddress, type AddressReading } from '../../agent/leases/address-form.ts'
import { LINK_LOCAL_AFTER_MS, leasesOf, newPort, step, type Port, type PortAction, type PortEvent } from '../../agent/leases/lease-machine.ts'
import { parseLeaseFile } from '../../agent/leases/lease-file.ts'
import { chooseForTyping, type SetAddress } from '../../agent/leases/leases.ts'
import { isLinkLocal, linkLocalCandidate } from '../../agent/leases/link-local.ts'
import { chooseNameServers, formatResolvConf, ownNameServers } from '../../agent/leases/resolv-conf.ts'
import { keepTypedAddresses, readTypedAddresses } from '../../agent/leases/typed-addresses.ts'
import { waitingForAddress } from '../../agent/leases/waiting.ts'
import { scratchFolder } from './api-helpers.ts'

const MAC = '52:54:00:12:34:56'
const lease: Lease = { interface: 'eth0', kind: 'dhcp', address: '192.168.10.220', prefixLength: 24, gateway: '192.168.10.1', dns: ['192.168.10.1'], ntp: [], server: '192.168.10.1', leaseSeconds: 60 }
const nothing = { carrier: true, dhcp: undefined, linkLocal: undefined }
const fresh = (): Port => newPort('eth0', MAC, undefined, nothing, 0)

/** Runs events at their times; gives the port and all actions but what is only said. */
function play(port: Port, events: readonly [number, PortEvent][]): { port: Port; actions: PortAction[] } {
  const actions: PortAction[] = []
  for (const [atMs, event] of events) {
    const result = step(port, event, atMs)
    port = result.port
    actions.push(...result.actions.filter((action) => action.do !== 'say'))
  }
  return { port, actions }
}
const up: PortEvent = { kind: 'carrier', up: true }
const down: PortEvent = { kind: 'carrier', up: false }
const tick: PortEvent = { kind: 'tick' }
const first = linkLocalCandidate(MAC, 0)
const second = linkLocalCandidate(MAC, 1)

describe('an interface that asks DHCP', () => {
  test('asks as soon as there is a carrier, and uses the lease', () => {
    const { port, actions } = play(fresh(), [[0, up], [200, { kind: 'leased', lease }]])
    expect(actions).toEqual([{ do: 'start-dhcp', wanted: undefined, firstTry: true }])
    expect(leasesOf(port)).toEqual([lease])
  })

  test('does nothing without carrier, for however long', () => {
    expect(play(fresh(), [[0, tick], [60_000, tick]]).actions).toEqual([])
  })

  test('pauses between tries, 2, 4, 8, 16 and then 30 s', () => {
    let { port } = play(fresh(), [[0, up]])
    const pauses: number[] = []
    for (let nowMs = 10_000; pauses.length < 6; nowMs += 100_000) {
      port = play(port, [[nowMs, { kind: 'dhcp-ended' }]]).port
      if (port.dhcp.phase === 'pausing') pauses.push(port.dhcp.untilMs - nowMs)
      const before = play(port, [[nowMs + (pauses.at(-1) ?? 0) - 1, tick]]).actions
      expect(before.filter((action) => action.do === 'start-dhcp')).toEqual([])
      const after = play(port, [[nowMs + (pauses.at(-1) ?? 0), tick]])
      expect(after.actions).toContainEqual({ do: 'start-dhcp', wanted: undefined, firstTry: false })
      port = after.port
    }
    expect(pauses).toEqual([2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  })

  test('uses no address without carrier, and has the lease confirmed when it is back', () => {
    const bound = play(fresh(), [[0, up], [200, { kind: 'leased', lease }]]).port
    const unplugged = play(bound, [[1_000, down]])
    expect(leasesOf(unplugged.port)).toEqual([])
    expect(unplugged.actions).toEqual([])
    const back = play(unplugged.port, [[2_000, up]])
    expect(leasesOf(back.port)).toEqual([lease])
    expect(back.actions).toEqual([{ do: 'renew-dhcp' }])
  })

  test('stops asking when the carrier goes, and asks at once when it is back', () => {
    const { actions } = play(fresh(), [[0, up], [5_000, down], [6_000, up]])
    expect(actions.map((action) => action.do)).toEqual(['start-dhcp', 'stop-dhcp', 'start-dhcp'])
  })

  test('a lease that ended is gone at once; a link-local address follows 10 s later', () => {
    const { port, actions } = play(fresh(), [[0, up], [200, { kind: 'leased', lease }], [60_000, { kind: 'unleased' }]])
    expect(leasesOf(port)).toEqual([])
    expect(play(port, [[60_000 + LINK_LOCAL_AFTER_MS - 1, tick]]).actions).toEqual([])
    expect(play(port, [[60_000 + LINK_LOCAL_AFTER_MS, tick]]).actions).toEqual([{ do: 'probe', address: first }])
    expect(actions.at(-1)).toEqual({ do: 'start-dhcp', wanted: lease.address, firstTry: true })
  })

  test('says that a lease was lost', () => {
    const { actions } = step(play(fresh(), [[0, up], [1, { kind: 'leased', lease }]]).port, { kind: 'unleased' }, 2)
    expect(actions).toContainEqual({ do: 'say', level: 'warn', message: 'eth0 lost its address 192.168.10.220: the lease ended and was not renewed' })
  })

  test('starts a killed udhcpc again and asks for the same address', () => {
    const { actions } = play(fresh(), [[0, up], [200, { kind: 'leased', lease }], [300, { kind: 'dhcp-ended' }]])
    expect(actions.at(-1)).toEqual({ do: 'start-dhcp', wanted: lease.address, firstTry: true })
  })
})

describe('link-local', () => {
  const silent = (): Port => play(fresh(), [[0, up], [LINK_LOCAL_AFTER_MS, tick]]).port

  test('is used after 10 s of silence and a probe, with a route to what else is on the wire', () => {
    const { port, actions } = play(silent(), [[12_000, { kind: 'probed', address: first, free: true }]])
    expect(actions).toEqual([{ do: 'add-link-local', address: first }, { do: 'direct-route', on: true }])
    expect(leasesOf(port)).toMatchObject([{ kind: 'link-local', address: first, prefixLength: 16 }])
  })

  test('takes the next candidate when the first is taken', () => {
    const { port, actions } = play(silent(), [[12_000, { kind: 'probed', address: first, free: false }], [14_000, { kind: 'probed', address: second, free: true }]])
    expect(actions[0]).toEqual({ do: 'probe', address: second })
    expect(leasesOf(port).map(({ address }) => address)).toEqual([second])
  })

  test('rests for a minute after ten conflicts in a row', () => {
    let port = silent()
    for (let attempt = 0; attempt < 10; attempt += 1) {
      port = play(port, [[20_000, { kind: 'probed', address: linkLocalCandidate(MAC, attempt), free: false }]]).port
    }
    expect(port.linkLocal).toEqual({ phase: 'none' })
    expect(play(port, [[79_999, tick]]).actions).toEqual([])
    expect(play(port, [[80_000, tick]]).actions).toEqual([{ do: 'probe', address: first }])
  })

  test('stays beside a lease that comes later, which is then the first', () => {
    const { port, actions } = play(silent(), [[12_000, { kind: 'probed', address: first, free: true }], [30_000, { kind: 'leased', lease }]])
    expect(leasesOf(port).map(({ address }) => address)).toEqual([lease.address, first])
    expect(actions.at(-1)).toEqual({ do: 'direct-route', on: false })
  })

  test('is not taken when the lease comes during the probe', () => {
    const { port, actions } = play(silent(), [[11_000, { kind: 'leased', lease }], [12_000, { kind: 'probed', address: first, free: true }]])
    expect(actions).toEqual([])
    expect(leasesOf(port)).toEqual([lease])
  })

  test('is probed again when the cable was out: it may be another wire', () => {
    const held = play(silent(), [[12_000, { kind: 'probed', address: first, free: true }]]).port
    const { port, actions } = play(held, [[20_000, down], [21_000, up]])
    expect(actions).toContainEqual({ do: 'probe', address: first })
    expect(leasesOf(port)).toEqual([])
    const taken = play(port, [[23_000, { kind: 'probed', address: first, free: false }]])
    expect(taken.actions.map((action) => action.do)).toEqual(['remove-link-local', 'probe'])
  })

  test('a probe that ends after the carrier went changes nothing', () => {
    const { port, actions } = play(silent(), [[11_000, down], [12_000, { kind: 'probed', address: first, free: true }]])
    expect(actions).toEqual([{ do: 'stop-dhcp' }])
    expect(port.linkLocal).toEqual({ phase: 'none' })
  })

  test('candidates are in 169.254.1.0 to 169.254.254.255, the same each time', () => {
    fc.assert(fc.property(fc.stringMatching(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/), fc.nat(20), (mac, attempt) => {
      const address = linkLocalCandidate(mac, attempt)
      expect(address).toMatch(/^169\.254\.([1-9]|[1-9]\d|1\d\d|2[0-4]\d|25[0-4])\.\d{1,3}$/)
      expect(linkLocalCandidate(mac.toUpperCase(), attempt)).toBe(address)
      expect(isLinkLocal(address)).toBe(true)
    }))
  })

  test('cards with neighbouring MACs rarely meet: 1000 of one make, fewer than 20 pairs', () => {
    const addresses = Array.from({ length: 1000 }, (_, index) => linkLocalCandidate(`52:54:00:00:${(index >> 8).toString(16).padStart(2, '0')}:${(index & 255).toString(16).padStart(2, '0')}`, 0))
    expect(1000 - new Set(addresses).size).toBeLessThan(20)
  })
})

describe('a static address', () => {
  const fixed = { mac: MAC, address: '10.0.0.5/24', gateway: '10.0.0.1', dns: ['10.0.0.1'] }

  test('is set with the carrier; neither DHCP nor link-local is tried', () => {
    const { port, actions } = play(newPort('eth0', MAC, fixed, nothing, 0), [[0, up], [60_000, tick]])
    expect(actions).toEqual([{ do: 'set-static', address: fixed }])
    expect(leasesOf(port)).toEqual([{ interface: 'eth0', kind: 'static', address: '10.0.0.5', prefixLength: 24, gateway: '10.0.0.1', dns: ['10.0.0.1'], ntp: [] }])
  })
})

describe('an address given by hand', () => {
  const typed = { address: '192.168.1.20/24', gateway: '192.168.1.1', dns: [] }

  test('ends DHCP, takes away what was there, and is set; it stays after the cable was out', () => {
    const bound = play(fresh(), [[0, up], [200, { kind: 'leased', lease }]]).port
    const { port, actions } = play(bound, [[1_000, { kind: 'fix', address: typed }]])
    expect(actions).toEqual([{ do: 'stop-dhcp' }, { do: 'clear' }, { do: 'set-static', address: typed }])
    expect(leasesOf(port)).toMatchObject([{ kind: 'static', address: '192.168.1.20', prefixLength: 24, gateway: '192.168.1.1' }])
    const late = play(port, [[2_000, { kind: 'leased', lease }], [3_000, { kind: 'dhcp-ended' }], [4_000, down], [5_000, up], [60_000, tick]])
    expect(late.actions).toEqual([{ do: 'set-static', address: typed }])
  })

  test('waits for the cable when there is none', () => {
    const { port, actions } = play(fresh(), [[0, { kind: 'fix', address: typed }]])
    expect(actions.map((action) => action.do)).toEqual(['stop-dhcp', 'clear'])
    expect(play(port, [[1_000, up]]).actions).toEqual([{ do: 'set-static', address: typed }])
  })

  test('can be taken back: DHCP is asked again', () => {
    const fixed = play(fresh(), [[0, up], [1_000, { kind: 'fix', address: typed }]]).port
    const { actions } = play(fixed, [[2_000, { kind: 'fix', address: undefined }]])
    expect(actions.map((action) => action.do)).toEqual(['stop-dhcp', 'clear', 'start-dhcp'])
  })

  test('is for the card with a carrier that has none of its own', () => {
    const bound = play(fresh(), [[0, up], [200, { kind: 'leased', lease }]]).port
    const silent = { ...play(fresh(), [[0, up]]).port, interface: 'eth1' }
    const unplugged = { ...fresh(), interface: 'eth2' }
    expect(chooseForTyping([unplugged, bound, silent])).toBe('eth1')
    expect(chooseForTyping([unplugged, bound])).toBe('eth0')
    expect(chooseForTyping([unplugged])).toBeUndefined()
  })

  test('outlives the agent', () => {
    const file = join(scratchFolder(), 'typed')
    expect(readTypedAddresses(file)).toEqual(new Map())
    keepTypedAddresses(new Map([['eth0', typed]]), file)
    expect(readTypedAddresses(file)).toEqual(new Map([['eth0', typed]]))
  })
})

describe('what is typed', () => {
  const read = (address: string, mask = '', gateway = ''): AddressReading => readTypedAddress({ address, mask, gateway })

  test.each([
    [['192.168.1.20', '255.255.255.0', '192.168.1.1'], { address: '192.168.1.20/24', gateway: '192.168.1.1', dns: [] }],
    [['192.168.1.20', '24', ''], { address: '192.168.1.20/24', dns: [] }],
    [[' 10.0.0.2/30 ', '', '10.0.0.1'], { address: '10.0.0.2/30', gateway: '10.0.0.1', dns: [] }],
    [['10.1.2.3', '255.0.0.0', ''], { address: '10.1.2.3/8', dns: [] }],
  ])('%j is an address', ([address = '', mask, gateway], expected) => {
    expect(read(address, mask, gateway)).toEqual({ ok: true, address: expected })
  })

  test.each([
    [['192.168.1', '24', ''], 'address'],
    [['192.168.1.256', '24', ''], 'address'],
    [['192.168.01.2', '24', ''], 'address'],
    [['127.0.0.1', '8', ''], 'address'],
    [['224.0.0.1', '24', ''], 'address'],
    [['192.168.1.0', '24', ''], 'address'],
    [['192.168.1.255', '24', ''], 'address'],
    [['192.168.1.2', '', ''], 'mask'],
    [['192.168.1.2', '255.0.255.0', ''], 'mask'],
    [['192.168.1.2', '33', ''], 'mask'],
    [['192.168.1.2', '24', '192.168.2.1'], 'gateway'],
    [['192.168.1.2', '24', '192.168.1.2'], 'gateway'],
    [['192.168.1.2', '24', 'router'], 'gateway'],
  ])('%j is refused for its %s', ([address = '', mask, gateway], field) => {
    expect(read(address, mask, gateway)).toMatchObject({ ok: false, field })
  })

  test('nothing that can be typed is a surprise, and what is taken is an address the schema takes', () => {
    const text = fc.oneof(fc.ipV4(), fc.string({ maxLength: 20 }), fc.nat(40).map(String))
    fc.assert(fc.property(text, text, text, (address, mask, gateway) => {
      const reading = read(address, mask, gateway)
      if (reading.ok) expect(fixedAddressSchema.parse(reading.address)).toEqual(reading.address)
    }))
  })

  test('the form on the screen: field by field, a mistake is told at once, the last Enter sets it', () => {
    const set: FixedAddress[] = []
    const setAddress: SetAddress = (_, address) => {
      if (address) set.push(address)
      return { accepted: true, interface: 'eth0' }
    }
    const type = (panel: AddressPanel | undefined, text: string): AddressPanel | undefined => (panel === undefined ? undefined : typeIntoPanel(panel, text, setAddress))
    let panel = type(EMPTY_PANEL, '192.168.1')
    panel = type(panel, '\r')
    expect(panel).toMatchObject({ at: 0, typed: { address: '' } })
    expect(panel?.refusal).toMatch(/four numbers/)
    panel = type(panel, '192.168.1.20\r')
    expect(panel).toMatchObject({ at: 1, refusal: undefined })
    expect(type(panel, '255.255.255.0\r192.168.1.1\r')).toBeUndefined()
    expect(set).toEqual([{ address: '192.168.1.20/24', gateway: '192.168.1.1', dns: [] }])
    // With its prefix an address brings the mask along.
    expect(type(type(EMPTY_PANEL, '192.168.1.20/24\r'), '\r')).toBeUndefined()
    expect(set).toHaveLength(2)
    expect(type(EMPTY_PANEL, '\x03')).toBeUndefined()
  })
})

describe('an agent that was restarted', () => {
  test('goes on with the lease and does not renew it', () => {
    const { port, actions } = play(newPort('eth0', MAC, undefined, { carrier: true, dhcp: lease, linkLocal: undefined }, 0), [[0, up], [60_000, tick]])
    expect(actions).toEqual([])
    expect(leasesOf(port)).toEqual([lease])
  })

  test('keeps a link-local address without a new probe, and asks DHCP on', () => {
    const { port, actions } = play(newPort('eth0', MAC, undefined, { carrier: true, dhcp: undefined, linkLocal: first }, 0), [[0, up], [1_000, tick]])
    expect(actions).toEqual([{ do: 'start-dhcp', wanted: undefined, firstTry: false }])
    expect(leasesOf(port).map(({ address }) => address)).toEqual([first])
  })

  test('takes a udhcpc over that is still asking', () => {
    const { port } = play(newPort('eth0', MAC, undefined, { carrier: true, dhcp: 'asking', linkLocal: undefined }, 0), [[0, up], [100, { kind: 'leased', lease }]])
    expect(leasesOf(port)).toEqual([lease])
  })
})

test('whatever happens, at most one udhcpc is wanted and an address in use is always one that was given', () => {
  const event: fc.Arbitrary<PortEvent> = fc.oneof(
    fc.boolean().map((isUp): PortEvent => ({ kind: 'carrier', up: isUp })),
    fc.constant<PortEvent>({ kind: 'leased', lease }),
    fc.constant<PortEvent>({ kind: 'unleased' }),
    fc.constant<PortEvent>({ kind: 'dhcp-ended' }),
    fc.boolean().map((free): PortEvent => ({ kind: 'probed', address: first, free })),
    fc.constant(tick),
  )
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(15_000), event), { maxLength: 40 }), (events) => {
    let port = fresh()
    let nowMs = 0
    const given = new Set<string>([lease.address])
    for (const [afterMs, each] of events) {
      nowMs += afterMs
      const result = step(port, each, nowMs)
      for (const action of result.actions) if (action.do === 'add-link-local') given.add(action.address)
      expect(result.actions.filter((action) => action.do === 'start-dhcp').length).toBeLessThanOrEqual(1)
      if (!result.port.carrier) expect(leasesOf(result.port)).toEqual([])
      for (const used of leasesOf(result.port)) expect(given).toContain(used.address)
      port = result.port
    }
  }))
})

describe('the file udhcpc-event writes', () => {
  test('is a lease', () => {
    const text = '{"event":"bound","ip":["10.0.2.15"],"prefix":24,"router":["10.0.2.2"],"dns":["10.0.2.3"],"ntp":[],"serverid":["10.0.2.2"],"lease":86400}'
    expect(parseLeaseFile('eth0', text)).toEqual({ interface: 'eth0', kind: 'dhcp', address: '10.0.2.15', prefixLength: 24, gateway: '10.0.2.2', dns: ['10.0.2.3'], ntp: [], server: '10.0.2.2', leaseSeconds: 86400 })
  })

  test.each([
    ['no address', '{"event":"deconfig","ip":[],"prefix":0,"router":[],"dns":[],"ntp":[],"serverid":[],"lease":0}'],
    ['half a file', '{"event":"bound","ip":["10.0'],
    ['an address that is none', '{"event":"bound","ip":["10.0.2.999"],"prefix":24,"router":[],"dns":[],"ntp":[],"serverid":[],"lease":1}'],
    ['nothing', ''],
  ])('is none with %s', (_what, text) => {
    expect(parseLeaseFile('eth0', text)).toBeUndefined()
  })
})

test('resolv.conf has each name server once, three at most', () => {
  const of = (...dns: string[]): Lease => ({ ...lease, dns })
  expect(ownNameServers([of('1.1.1.1', '2.2.2.2'), of('1.1.1.1', '3.3.3.3', '4.4.4.4')], ['2.2.2.2'])).toEqual(['2.2.2.2', '1.1.1.1', '3.3.3.3'])
  expect(formatResolvConf(['1.1.1.1', '2.2.2.2'])).toBe('nameserver 1.1.1.1\nnameserver 2.2.2.2\n')
})

test('a node without name servers uses those of the live member with the lowest id that has some', () => {
  const member = (id: number, nameServers: string[] | undefined, more: Partial<Member> = {}): Member =>
    ({ id, name: `plump-${id}`, addresses: ['10.0.0.1'], state: 'alive', self: false, ...(nameServers === undefined ? {} : { nameServers }), ...more })
  const members = [
    member(9, ['9.9.9.9']), member(1, ['1.1.1.1'], { state: 'failed' }), member(2, ['2.2.2.2'], { self: true }), member(3, undefined), member(4, []), member(5, ['5.5.5.5', '5.5.5.6']),
  ]
  expect(chooseNameServers([], members)).toEqual(['5.5.5.5', '5.5.5.6'])
  expect(chooseNameServers(['8.8.8.8'], members)).toEqual(['8.8.8.8'])
  expect(chooseNameServers([], members.slice(1, 5))).toEqual([])
})

describe('what a node without an address waits for', () => {
  test('a cable, when no card has a carrier', () => {
    expect(waitingForAddress([fresh()])?.for).toBe('a carrier on eth0')
  })
  test('a server, when one has', () => {
    expect(waitingForAddress([play(fresh(), [[0, up]]).port])?.for).toBe('a DHCP server on eth0')
  })
  test('nothing, when one card of several has an address', () => {
    expect(waitingForAddress([fresh(), play(fresh(), [[0, up], [1, { kind: 'leased', lease }]]).port])).toBeUndefined()
  })
})
