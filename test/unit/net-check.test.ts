import { expect, test } from 'vitest'
import { formatNetCheck } from '../../agent/cli/net.ts'
import { readPing } from '../../agent/netcheck/ping.ts'
import { findProblems } from '../../agent/netcheck/problems.ts'
import type { CheckedLink, CheckedMember, NetCheck } from '../../schema/network-api.ts'
import { dhcpLease } from './api-helpers.ts'

const card: CheckedLink = {
  interface: 'eth0', mac: '52:54:00:12:34:56', carrier: true, driver: 'virtio_net', speedMbps: 1000, mtuBytes: 1500, leases: [dhcpLease],
  gateway: { address: '192.168.10.1', reached: true, milliseconds: 0.4 }, multicastHeard: 12,
}
const linkLocal = { interface: 'eth0', kind: 'link-local' as const, address: '169.254.7.9', prefixLength: 16, dns: [], ntp: [] }
const other: CheckedMember = { id: 2638, name: 'plump-0a4e', address: '192.168.10.78', reached: true, milliseconds: 0.5, fullSize: true }
const well: Omit<NetCheck, 'problems'> = {
  links: [card], members: [other], othersExpected: true, nameServers: ['192.168.10.1'], clock: { source: 'follows member 2638 (192.168.10.78)', offsetMs: 3 },
}
const problems = (found: Partial<Omit<NetCheck, 'problems'>>): string[] => findProblems({ ...well, ...found }, []).map(({ what }) => what)

test('nothing is wrong with a network that works', () => {
  expect(problems({})).toEqual([])
})

test.each<[string, Partial<Omit<NetCheck, 'problems'>>, string]>([
  ['a pulled cable', { links: [{ ...card, carrier: false, leases: [] }] }, 'eth0 has no carrier'],
  ['a pulled cable of a bond', { links: [card, { ...card, interface: 'eth1', bond: 'bond0', carrier: false, leases: [] }] }, 'eth1 of bond0 has no carrier'],
  ['no address', { links: [{ ...card, leases: [] }] }, 'eth0 has a carrier but no address'],
  ['no DHCP server', { links: [{ ...card, leases: [linkLocal] }] }, 'eth0 has only a link-local address: no DHCP server answers'],
  ['a silent gateway', { links: [{ ...card, gateway: { address: '192.168.10.1', reached: false } }] }, 'the gateway 192.168.10.1 of eth0 does not answer'],
  ['multicast that is dropped', { links: [{ ...card, multicastHeard: 0 }], members: [] }, 'no other machine was heard by multicast'],
  ['a member that does not answer', { members: [{ ...other, reached: false, fullSize: false }] }, 'member plump-0a4e (192.168.10.78) does not answer'],
  ['an MTU that is too large', { members: [{ ...other, fullSize: false }] }, 'large packets do not reach plump-0a4e (192.168.10.78)'],
  ['a wrong clock', { clock: { source: 'follows 10.0.0.1', offsetMs: -4_000 } }, 'the clock is -4000 ms off (it follows 10.0.0.1)'],
])('%s is told', (_, found, what) => {
  expect(problems(found)).toEqual([what])
})

test('the only node on a network has no problem because it hears nobody, and says so', () => {
  const alone = { ...well, links: [{ ...card, multicastHeard: 0 }], members: [], othersExpected: false }
  const text = formatNetCheck({ ...alone, problems: findProblems(alone, []) })
  expect(text).toContain('none is expected')
  expect(text).toContain('All is well.')
  expect(formatNetCheck({ ...alone, othersExpected: true, problems: [] })).not.toContain('none is expected')
})

test('what the node waits for comes first', () => {
  expect(findProblems(well, [{ for: 'the cluster key', fix: 'type it' }])).toEqual([{ what: 'the node waits for the cluster key', fix: 'type it' }])
})

test('a card of a bond needs no address, and silence is none of its business', () => {
  expect(problems({ links: [{ ...card, interface: 'bond0' }, { ...card, bond: 'bond0', leases: [], multicastHeard: 0 }] })).toEqual([])
})

test('busybox ping is read', () => {
  const answered = 'PING 10.0.0.1 (10.0.0.1): 56 data bytes\n\n--- 10.0.0.1 ping statistics ---\n2 packets transmitted, 2 packets received, 0% packet loss\nround-trip min/avg/max = 0.456/0.512/0.568 ms\n'
  expect(readPing(answered)).toEqual({ reached: true, milliseconds: 0.456 })
  expect(readPing('2 packets transmitted, 0 packets received, 100% packet loss\n')).toEqual({ reached: false })
})

test('the text names every card, its address, the members, the clock and what is wrong', async () => {
  const found = { ...well, links: [card, { ...card, interface: 'eth1', bond: 'bond0', carrier: false, leases: [] }], members: [other, { ...other, id: 2646, name: 'plump-0a56', fullSize: false }] }
  await expect(`${formatNetCheck({ ...found, problems: findProblems(found, []) })}\n`).toMatchFileSnapshot('../fixtures/console/net-check.txt')
})
