import type { Waiting } from '../../schema/node-state.ts'
import type { NetCheck } from '../../schema/network-api.ts'

/** From this on "the clocks agree" is not true any more. */
const CLOCK_LIMIT_MS = 100

/** Whether nobody else was heard or is known on any network in use. */
export function isSilent({ links, members }: Pick<NetCheck, 'links' | 'members'>): boolean {
  const used = links.filter((link) => link.carrier && link.leases.length > 0)
  return used.length > 0 && members.length === 0 && used.every(({ multicastHeard }) => multicastHeard === 0)
}

/** What of the findings is wrong, with what to do; `waiting` is what the node waits for by itself. */
export function findProblems(found: Omit<NetCheck, 'problems'>, waiting: readonly Waiting[]): NetCheck['problems'] {
  const say = (what: string, fix: string): { what: string; fix: string } => ({ what, fix })
  const links = found.links.flatMap((link) => {
    if (link.bond !== undefined) return link.carrier ? [] : [say(`${link.interface} of ${link.bond} has no carrier`, 'plug its cable in; the other cards of the bond do its work meanwhile')]
    if (!link.carrier) return [say(`${link.interface} has no carrier`, 'plug a cable in, or look at the other end of it')]
    if (link.leases.length === 0) return [say(`${link.interface} has a carrier but no address`, 'start a DHCP server on its network, or type an address: netsetup')]
    if (link.leases.every(({ kind }) => kind === 'link-local')) {
      return [say(`${link.interface} has only a link-local address: no DHCP server answers`, 'start a DHCP server on its network, or type an address: netsetup')]
    }
    return link.gateway && !link.gateway.reached
      ? [say(`the gateway ${link.gateway.address} of ${link.interface} does not answer`, 'compare address, mask and gateway with those of a machine that works')] : []
  })
  const silence = found.othersExpected && isSilent(found)
    ? [say('no other machine was heard by multicast', 'when other nodes are on this switch, turn IGMP snooping off there, or name members in cluster.seeds of plump.yaml')] : []
  const members = found.members.flatMap((member) => {
    if (!member.reached) return [say(`member ${member.name} (${member.address}) does not answer`, 'run plump net check there; a router or firewall between you may drop what it should pass')]
    return member.fullSize ? [] : [say(`large packets do not reach ${member.name} (${member.address})`, 'set the same MTU on all switches and cards between the two')]
  })
  const clock = found.clock && Math.abs(found.clock.offsetMs) > CLOCK_LIMIT_MS
    ? [say(`the clock is ${Math.round(found.clock.offsetMs)} ms off (it ${found.clock.source})`, 'wait a minute: it is being set; plump log tells of the clock')] : []
  return [...waiting.map((one) => say(`the node waits for ${one.for}`, one.fix)), ...links, ...silence, ...members, ...clock]
}
