import type { Lease, Member } from '../../schema/node-state.ts'

/** The C library reads no more than three (MAXNS in resolv.h). */
const NAME_SERVERS = 3

/** The name servers this node has of its own: those of `network.dns`, then those of all leases, in their order, each once. */
export function ownNameServers(leases: readonly Lease[], first: readonly string[]): string[] {
  return [...new Set([...first, ...leases.flatMap((lease) => lease.dns)])].slice(0, NAME_SERVERS)
}

/**
 * The name servers to use: the node's own, else those of the first member that has some: of the live ones that with the lowest id, so that
 * all choose the same. Members tell only what they have of their own, so nobody hands on what it borrowed.
 */
export function chooseNameServers(own: readonly string[], members: readonly Member[]): string[] {
  if (own.length > 0) return [...own]
  const [lender] = members.filter((member) => !member.self && member.state === 'alive' && (member.nameServers ?? []).length > 0)
    .toSorted((one, other) => one.id - other.id)
  return lender?.nameServers ?? []
}

/** Text of /etc/resolv.conf. */
export function formatResolvConf(servers: readonly string[]): string {
  return servers.map((server) => `nameserver ${server}\n`).join('')
}
