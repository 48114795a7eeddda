import { CHECKED_MEMBERS_LIMIT, type CheckedLink, type CheckedMember, type NetCheck } from '../../schema/network-api.ts'
import type { Member, Waiting } from '../../schema/node-state.ts'
import type { ApiAnswers } from '../api/answers.ts'
import type { AgentContext } from '../capability.ts'
import { readTextIfThere } from '../os/files.ts'
import { isOnLink } from '../os/ipv4.ts'
import { ping } from './ping.ts'
import { findProblems } from './problems.ts'

/** Multicast DNS packets of others heard on an interface. */
export type MulticastHeard = (interfaceName: string) => number

/** Answers `net-check`: looks at every card, gateway and member at the moment of asking, which takes some seconds when one is silent. */
export function netCheckAnswers(context: AgentContext, multicastHeard: MulticastHeard): Pick<ApiAnswers, 'net-check'> {
  return { 'net-check': async (_, send) => send(await checkNetwork(context, multicastHeard)) }
}

async function checkNetwork({ state, config }: AgentContext, multicastHeard: MulticastHeard): Promise<NetCheck> {
  const [links, members] = await Promise.all([
    Promise.all(bareLinks(state).map(async (link) => ({ ...link, multicastHeard: multicastHeard(link.interface), ...await gatewayOf(link) }))),
    Promise.all(membersToCheck(state.get('members')).map((member) => checkMember(member, state))),
  ])
  const clock = state.get('clock')
  const othersExpected = config.cluster.seeds.length > 0 || state.get('members').some((member) => !member.self && member.state !== 'left')
  const found = { links, members, othersExpected, nameServers: nameServers(), ...(clock === undefined ? {} : { clock }) }
  return { ...found, problems: findProblems(found, waitingOf(state)) }
}

/** Every card with an interface, then bonds and VLANs, with what is known without asking anybody. */
function bareLinks(state: AgentContext['state']): Omit<CheckedLink, 'multicastHeard'>[] {
  const nics = state.get('nics').flatMap((nic) => nic.interface === undefined ? [] : [{ ...nic, interface: nic.interface }])
  const made = state.get('links').filter((link) => !nics.some((nic) => nic.interface === link.interface))
  const rest = (name: string): Pick<CheckedLink, 'mtuBytes' | 'leases'> => {
    const mtuBytes = Number(readTextIfThere(`/sys/class/net/${name}/mtu`))
    return { leases: state.get('leases').filter((lease) => lease.interface === name), ...(mtuBytes > 0 ? { mtuBytes } : {}) }
  }
  return [
    ...nics.map((nic) => ({
      interface: nic.interface, mac: nic.mac ?? '', carrier: nic.carrier, driver: nic.driver.state === 'bound' ? nic.driver.module : nic.driver.state,
      ...(nic.speedMbps === undefined ? {} : { speedMbps: nic.speedMbps }), ...(nic.bond === undefined ? {} : { bond: nic.bond }), ...rest(nic.interface),
    })),
    ...made.map((link) => ({ interface: link.interface, mac: link.mac, carrier: link.carrier, driver: link.interface.includes('.') ? 'vlan' : 'bond', ...rest(link.interface) })),
  ]
}

async function gatewayOf(link: Pick<CheckedLink, 'interface' | 'leases'>): Promise<Pick<CheckedLink, 'gateway'>> {
  const address = link.leases.find((lease) => lease.gateway !== undefined)?.gateway
  return address === undefined ? {} : { gateway: { address, ...await ping(address, link.interface) } }
}

function membersToCheck(members: readonly Member[]): Member[] {
  return members.filter((member) => !member.self && member.state === 'alive' && member.addresses.length > 0).slice(0, CHECKED_MEMBERS_LIMIT)
}

async function checkMember({ id, name, addresses }: Member, state: AgentContext['state']): Promise<CheckedMember> {
  const address = addresses[0] ?? ''
  const lease = state.get('leases').find((one) => isOnLink(address, one.address, one.prefixLength))
  const mtuBytes = Number(readTextIfThere(`/sys/class/net/${lease?.interface ?? ''}/mtu`) ?? 1500)
  const reach = await ping(address, undefined)
  const full = reach.reached ? await ping(address, undefined, mtuBytes) : reach
  return { id, name, address, ...reach, fullSize: full.reached }
}

function nameServers(): string[] {
  return [...(readTextIfThere('/etc/resolv.conf') ?? '').matchAll(/^nameserver (\S+)$/gm)].map((match) => match[1] ?? '')
}

function waitingOf(state: AgentContext['state']): Waiting[] {
  return Object.values(state.get('waiting')).filter((waiting) => waiting !== undefined)
}
