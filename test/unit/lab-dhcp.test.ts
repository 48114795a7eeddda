import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DhcpGuard, poolAddresses, trimParameterList, type DhcpRequest } from '../../builder/lab/dhcp-guard.ts'
import { dnsmasqConfig } from '../../builder/lab/dhcp-service.ts'
import { addressPlan } from '../../builder/lab/network.ts'

const SERVER = '192.168.10.1'
const POOL = ['192.168.10.100', '192.168.10.101']

function request(mac: string, type: number, options: Record<number, unknown> = {}, ciaddr = '0.0.0.0'): DhcpRequest {
  return { chaddr: mac, ciaddr, options: { 53: type, ...options } }
}
const discover = (mac: string): DhcpRequest => request(mac, 1)
const select = (mac: string, address: string, server = SERVER): DhcpRequest => request(mac, 3, { 50: address, 54: server })
const renew = (mac: string, address: string): DhcpRequest => request(mac, 3, {}, address)

test('a request meant for another server gets no answer (node-dhcp acknowledges it)', () => {
  const guard = new DhcpGuard(SERVER, POOL, 60)
  guard.decide(discover('a'), 0)
  expect(guard.decide(select('a', '192.168.10.100', '192.168.10.2'), 1)).toMatchObject({ answer: 'nothing' })
})

test('a used-up pool gives no offer, and addresses come back when leases end (in node-dhcp they never do)', () => {
  const guard = new DhcpGuard(SERVER, POOL, 60)
  for (const [mac, address] of [['a', POOL[0]], ['b', POOL[1]]] as const) {
    expect(guard.decide(discover(mac), 0)).toEqual({ answer: 'offer', address })
    expect(guard.decide(select(mac, address ?? ''), 0)).toEqual({ answer: 'ack', address })
  }
  expect(guard.decide(discover('c'), 59_999)).toEqual({ answer: 'nothing', why: 'no address left' })
  expect(guard.decide(discover('c'), 60_000)).toEqual({ answer: 'offer', address: POOL[0] })
})

test('renewing keeps the address; another one is refused', () => {
  const guard = new DhcpGuard(SERVER, POOL, 60)
  guard.decide(select('a', '192.168.10.101'), 0)
  expect(guard.decide(renew('a', '192.168.10.101'), 50_000)).toEqual({ answer: 'ack', address: '192.168.10.101' })
  expect(guard.decide(renew('a', '192.168.10.101'), 100_000)).toEqual({ answer: 'ack', address: '192.168.10.101' })
  expect(guard.decide(renew('a', '192.168.10.100'), 100_001)).toMatchObject({ answer: 'nak' })
  expect(guard.decide(renew('b', '10.0.0.1'), 100_002)).toMatchObject({ answer: 'nak' })
})

test('a node that comes back gets the address it had', () => {
  const guard = new DhcpGuard(SERVER, POOL, 3600)
  guard.decide(select('b', '192.168.10.101'), 0)
  expect(guard.decide(discover('b'), 900_000)).toEqual({ answer: 'offer', address: '192.168.10.101' })
})

test('an address that was given back is free at once', () => {
  const guard = new DhcpGuard(SERVER, POOL, 3600)
  guard.decide(select('a', '192.168.10.100'), 0)
  guard.decide(request('a', 7, {}, '192.168.10.100'), 1)
  expect(guard.decide(discover('b'), 2)).toEqual({ answer: 'offer', address: '192.168.10.100' })
})

test('no two clients ever hold one address', () => {
  const pool = poolAddresses('192.168.10.100', '192.168.10.104')
  const step = fc.record({
    mac: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'), type: fc.constantFrom(1, 3, 4, 7, 8),
    address: fc.constantFrom(...pool, '10.0.0.1'), afterMs: fc.nat(40_000),
  })
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const guard = new DhcpGuard(SERVER, pool, 60)
    const held = new Map<string, { mac: string; untilMs: number }>()
    let nowMs = 0
    for (const { mac, type, address, afterMs } of steps) {
      nowMs += afterMs
      const verdict = guard.decide(request(mac, type, { 50: address }), nowMs)
      if (type === 4 || type === 7) for (const [key, lease] of held) if (lease.mac === mac) held.delete(key)
      if (verdict.answer !== 'ack') continue
      const other = held.get(verdict.address)
      expect(other === undefined || other.mac === mac || other.untilMs <= nowMs).toBe(true)
      held.set(verdict.address, { mac, untilMs: nowMs + 60_000 })
    }
  }))
})

test("a PXE client's parameter list is cut down to what node-dhcp has values for (60, 61, 93, 94 and 97 kill it)", () => {
  const pxe = request('a', 1, { 55: [1, 3, 60, 61, 93, 94, 97, 51, 255] })
  trimParameterList(pxe)
  expect(pxe.options[55]).toEqual([1, 3, 51])
})

test('dnsmasq gets a lease time it accepts', () => {
  expect(dnsmasqConfig(addressPlan(2), 20, '/x/leases')).toContain('dhcp-range=192.168.12.100,192.168.12.199,255.255.255.0,120\n')
  expect(dnsmasqConfig(addressPlan(0), 3600, '/x/leases')).toContain('dhcp-range=192.168.10.100,192.168.10.199,255.255.255.0,3600\n')
})
