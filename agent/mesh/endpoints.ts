import type { Lease } from '../../schema/node-state.ts'
import { isOnLink } from '../os/ipv4.ts'

/** An address with its network, as in `192.168.1.5/24`: what a member says of its own addresses. */
export interface NetworkAddress {
  address: string
  prefixLength: number
}

/**
 * Where to try a member, best first. `known` are the addresses Serf reaches it at, `own` what it says it has. First those that Serf proves and that
 * lie on a network both share; then others on a network both share; then what Serf reaches through a router. A network that both were given comes
 * before a link-local one, and addresses that both sides would take for their own neighbour's only if the prefixes agree.
 */
export function endpointsOf(member: { known: readonly string[]; own: readonly NetworkAddress[] }, leases: readonly Lease[]): string[] {
  const shares = (address: string): Lease | undefined => leases.find((lease) => isOnLink(address, lease.address, lease.prefixLength))
  const agrees = ({ address, prefixLength }: NetworkAddress): boolean => shares(address)?.prefixLength === prefixLength
  const given = (address: string): boolean => shares(address)?.kind !== 'link-local'
  const proven = member.known.filter((address) => shares(address))
  const offered = member.own.filter(agrees).map(({ address }) => address)
  return [...new Set([
    ...proven.filter(given), ...offered.filter(given), ...proven, ...offered, ...member.known,
  ])]
}
