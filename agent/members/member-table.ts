import { memberTagsSchema, type MemberTags } from '../../schema/discovery.ts'
import type { Member } from '../../schema/node-state.ts'
import type { IdClaim } from './id-clash.ts'
import { compareMerits } from './merits.ts'
import { machineOf } from './serf-name.ts'
import type { SerfMember } from './serf-rpc.ts'

interface Entry {
  serfName: string
  machine: string
  address: string
  state: Member['state']
  tags: MemberTags
}

/**
 * The cluster as one list, by id: Serf keeps an entry for each address a machine ever had, here a machine appears once. An alive entry wins over
 * those that failed or left, then the one born last. `self` is this node's name in Serf.
 */
export function memberTable(serfMembers: readonly SerfMember[], self: string): Member[] {
  const machines = Map.groupBy(entriesOf(serfMembers), (entry) => entry.machine)
  const best = [...machines.values()].flatMap((entries) => [...entries].sort((one, other) => compareMerits(rank(other, self), rank(one, self)))[0] ?? [])
  const aliveIds = new Set(best.filter((entry) => entry.state === 'alive').map((entry) => entry.tags.id))
  return best
    // An id that is in use again is its new holder's; the machine that had it is gone for good or comes back as another.
    .filter((entry) => entry.state === 'alive' || !aliveIds.has(entry.tags.id))
    .map((entry) => ({
      id: entry.tags.id,
      name: entry.tags.name,
      addresses: addressesOf(entry, machines.get(entry.machine) ?? []),
      state: entry.state,
      cpus: entry.tags.cpus,
      ...(entry.tags.wg === undefined ? {} : { mesh: { publicKey: entry.tags.wg, networks: entry.tags.net ?? [] } }),
      ...(entry.tags.dns === undefined || entry.tags.dns.length === 0 ? {} : { nameServers: entry.tags.dns }),
      self: entry.machine === machineOf(self),
    }))
    .sort((one, other) => one.id - other.id || (one.name < other.name ? -1 : 1))
}

/** Who else claims which id: members alive, and of those that are away only the ids. Entries of this machine itself do not count. */
export function claimsOfOthers(serfMembers: readonly SerfMember[], self: string): { alive: IdClaim[]; away: number[] } {
  const others = entriesOf(serfMembers).filter((entry) => entry.machine !== machineOf(self))
  return {
    alive: others.filter((entry) => entry.state === 'alive').map(({ serfName, tags }) => ({ serfName, id: tags.id, born: tags.born })),
    away: others.filter((entry) => entry.state === 'failed').map((entry) => entry.tags.id),
  }
}

function entriesOf(serfMembers: readonly SerfMember[]): Entry[] {
  return serfMembers.flatMap((member) => {
    const machine = machineOf(member.Name)
    const tags = memberTagsSchema.safeParse(member.Tags)
    if (machine === undefined || !tags.success || member.Status === 'none') return []
    return [{ serfName: member.Name, machine, address: member.Addr, state: member.Status === 'leaving' ? 'left' : member.Status, tags: tags.data }]
  })
}

function rank(entry: Entry, self: string): number[] {
  return [entry.serfName === self ? 1 : 0, entry.state === 'alive' ? 1 : 0, entry.tags.born]
}

/** The address the entry goes by, then others at which the machine is alive too. */
function addressesOf(entry: Entry, ofMachine: readonly Entry[]): string[] {
  return [...new Set([entry.address, ...ofMachine.filter((other) => other.state === 'alive').map((other) => other.address)])]
}
