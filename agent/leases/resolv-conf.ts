import type { Lease } from '../../schema/node-state.ts'

/** The C library reads no more than three (MAXNS in resolv.h). */
const NAME_SERVERS = 3

/** Text of /etc/resolv.conf: the servers of `network.dns`, then those of all leases, in their order, each once. */
export function formatResolvConf(leases: readonly Lease[], first: readonly string[] = []): string {
  const servers = [...new Set([...first, ...leases.flatMap((lease) => lease.dns)])].slice(0, NAME_SERVERS)
  return servers.map((server) => `nameserver ${server}\n`).join('')
}
