import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { formatNameServersTag, formatNetworksTag, memberTagsSchema } from '../../schema/discovery.ts'
import type { Lease, NodeId } from '../../schema/node-state.ts'
import { readTextIfThere } from '../os/files.ts'
import type { SerfConfig } from './serf-config.ts'
import { machineOf } from './serf-name.ts'

/** What of a node stays the same for one boot, whatever happens to its addresses and to the agent. */
export interface Self {
  machine: string
  /** Unix seconds, see MemberTags. */
  born: number
  cpus: number
}

/** A new boot's self, named after the card that has the first lease. */
export function newSelf(lease: Lease, unixMs: number, sysNetFolder: string): Self {
  const mac = (readTextIfThere(join(sysNetFolder, lease.interface, 'address')) ?? '').trim().replaceAll(':', '').toLowerCase()
  // A card without a MAC address of 6 bytes: the address stands in, which is as unique on its network.
  const machine = /^[0-9a-f]{12}$/.test(mac) ? mac : lease.address.split('.').map((part) => Number(part).toString(16).padStart(2, '0')).join('').padStart(12, '0')
  return { machine, born: Math.floor(unixMs / 1000), cpus: availableParallelism() }
}

/** Who this node was before the agent was restarted, from serf.json; undefined when it tells not enough, or when Serf's keyring is another cluster's. */
export function restoreSelf(config: SerfConfig | undefined, isOurs: boolean): Self | undefined {
  if (!config || !isOurs) return undefined
  const machine = machineOf(config.node_name)
  const tags = memberTagsSchema.safeParse(config.tags)
  if (machine === undefined || !tags.success) return undefined
  return { machine, born: tags.data.born, cpus: tags.data.cpus }
}

/** The tags other members see; memberTagsSchema reads them. */
export function tagsOf(self: Self, id: NodeId, name: string, meshKey: string, leases: readonly Lease[], nameServers: readonly string[]): Record<string, string> {
  return {
    id: String(id), name, cpus: String(self.cpus), born: String(self.born), wg: meshKey, net: formatNetworksTag(leases),
    // Also when there are none: Serf keeps the last value of a tag that is not set anew.
    dns: formatNameServersTag(nameServers), v: '1',
  }
}
