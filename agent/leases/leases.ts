import { mkdirSync } from 'node:fs'
import type { FixedAddress } from '../../schema/network.ts'
import type { Lease, Member } from '../../schema/node-state.ts'
import type { ApiAnswers } from '../api/answers.ts'
import { NodeError } from '../api/node-error.ts'
import type { AgentContext, Capability } from '../capability.ts'
import { readTextIfThere, writeAtomically } from '../os/files.ts'
import type { Link } from '../state.ts'
import { addLinkLocal, clearAddresses, directRoute, isFree, removeLinkLocal, setStatic, takenOverLinkLocal } from './addresses.ts'
import { dhcpProcess, forgetDhcp, readLease, renewDhcp, startDhcp, stopDhcp, watchLeases } from './dhcp-client.ts'
import { leasesOf, newPort, step, type Port, type PortAction, type PortEvent } from './lease-machine.ts'
import { chooseNameServers, formatResolvConf, ownNameServers } from './resolv-conf.ts'
import { keepTypedAddresses, readTypedAddresses } from './typed-addresses.ts'
import { waitingForAddress } from './waiting.ts'

const TICK_MS = 1_000
/** A wire needs a moment to come up, and a server to answer: no word on the console before that. */
const PATIENCE_MS = 4_000
const FOLDER = '/run/plump/leases'
const RESOLV_CONF = '/etc/resolv.conf'

/**
 * Gives an interface an address by hand, or with undefined has it ask DHCP again; without a name it is the first one that has a carrier and
 * no address from plump.yaml or a server. `why` is for whoever asked.
 */
export type SetAddress = (interfaceName: string | undefined, address: FixedAddress | undefined) => { accepted: true; interface: string } | { accepted: false; why: string }

export interface Leases extends Capability {
  setAddress: SetAddress
}

/** What the API answers about setting addresses. Throws NodeError ADDRESS_REFUSED. */
export function addressAnswers(setAddress: SetAddress, leases: () => readonly Lease[]): Pick<ApiAnswers, 'set-address'> {
  return {
    'set-address': (request, send) => {
      const verdict = setAddress(request.interface, request.address ?? undefined)
      if (!verdict.accepted) throw new NodeError('ADDRESS_REFUSED', verdict.why, 'plump net check lists the interfaces; name one: netsetup --nic NAME')
      const lease = leases().find((one) => one.interface === verdict.interface)
      send({ interface: verdict.interface, ...(lease === undefined ? {} : { lease }) })
    },
  }
}

/**
 * Gives every link (a network card, a bond, a VLAN) with a carrier its addresses, all at the same time, and keeps state `leases` current. Each
 * interface is a {@link Port} of its own, so that a silent one delays nothing.
 */
export function startLeases(context: AgentContext): Leases {
  const log = context.log.named('leases')
  const ports = new Map<string, Port>()
  const opening = new Set<string>()
  const typed = readTypedAddresses()
  let withoutAddressSinceMs: number | undefined = context.nowMs()

  const happen = (name: string, event: PortEvent): void => {
    const before = ports.get(name)
    if (!before) return
    const { port, actions } = step(before, event, context.nowMs())
    ports.set(name, port)
    for (const action of actions) perform(name, action).catch((error: unknown) => log.warn(`${name}: ${String(error)}`))
    publish()
  }

  const perform = async (name: string, action: PortAction): Promise<void> => {
    switch (action.do) {
      case 'start-dhcp': return startDhcp(name, action, () => dhcpEnded(name))
      case 'renew-dhcp': return renewDhcp(name)
      case 'stop-dhcp': return stopDhcp(name)
      case 'set-static': return inTurn(name, () => setStatic(name, interfaceIndex(name), action.address))
      case 'clear': return inTurn(name, () => clearAddresses(name))
      case 'probe': return happen(name, { kind: 'probed', address: action.address, free: await isFree(name, action.address) })
      case 'add-link-local': return addLinkLocal(name, action.address)
      case 'remove-link-local': return removeLinkLocal(name, action.address)
      case 'direct-route': return directRoute(name, interfaceIndex(name), action.on)
      case 'say': return log[action.level](action.message)
    }
  }

  /** What is set must not be overtaken by the taking away of what was there before. */
  const turns = new Map<string, Promise<void>>()
  const inTurn = (name: string, action: () => Promise<void>): Promise<void> => {
    const turn = (turns.get(name) ?? Promise.resolve()).catch(() => undefined).then(action)
    turns.set(name, turn)
    return turn
  }

  /** Passed over when another serves the interface by now: the one that ended had been replaced. */
  const dhcpEnded = (name: string): void => {
    if (dhcpProcess(name) === undefined) happen(name, { kind: 'dhcp-ended' })
  }

  const publish = (): void => {
    const before = context.state.get('leases')
    const leases = [...ports.values()].flatMap(leasesOf)
    for (const lease of leases) {
      const known = before.some((other) => other.interface === lease.interface && other.address === lease.address)
      if (!known) context.stage('lease', { if: lease.interface, addr: lease.address, server: lease.server ?? lease.kind })
    }
    // After the lines, as the first address sets off stages that come later.
    context.state.set('leases', leases)
    withoutAddressSinceMs = leases.length > 0 ? undefined : withoutAddressSinceMs ?? context.nowMs()
    const patient = withoutAddressSinceMs !== undefined && context.nowMs() - withoutAddressSinceMs < PATIENCE_MS
    context.state.setWaiting('leases', patient ? undefined : waitingForAddress([...ports.values()]))
  }

  const follow = (links: readonly Link[]): void => {
    for (const name of ports.keys()) {
      if (links.some((link) => link.interface === name)) continue
      log.info(`${name} is gone`)
      ports.delete(name)
      forgetDhcp(name).catch((error: unknown) => log.warn(String(error)))
    }
    for (const link of links) {
      if (ports.has(link.interface)) happen(link.interface, { kind: 'carrier', up: link.carrier })
      else void open(link.interface)
    }
    publish()
  }

  /** Takes an interface over with what runs on it already, then tells it of its carrier. */
  const open = async (name: string): Promise<void> => {
    if (opening.has(name)) return
    opening.add(name)
    const linkLocal = await takenOverLinkLocal(name)
    opening.delete(name)
    const link = context.state.get('links').find((one) => one.interface === name)
    if (!link) return
    const dhcp = dhcpProcess(name) === undefined ? undefined : readLease(name) ?? 'asking'
    ports.set(name, newPort(name, link.mac, typed.get(name) ?? link.fixed, { carrier: link.carrier, dhcp, linkLocal }, context.nowMs()))
    happen(name, { kind: 'carrier', up: link.carrier })
  }

  const setAddress: SetAddress = (wanted, address) => {
    const name = wanted ?? chooseForTyping([...ports.values()])
    if (name === undefined || !ports.has(name)) {
      return { accepted: false, why: name === undefined ? 'no network card has a carrier and needs an address' : `there is no interface ${name} that has addresses` }
    }
    if (address === undefined) typed.delete(name)
    else typed.set(name, address)
    keepTypedAddresses(typed)
    happen(name, { kind: 'fix', address: address ?? context.state.get('links').find((link) => link.interface === name)?.fixed })
    return { accepted: true, interface: name }
  }

  const tick = (): void => {
    for (const [name, port] of ports) {
      // One that an earlier agent started is not our child; its end shows only here.
      if (port.dhcp.phase === 'bound' || port.dhcp.phase === 'asking') dhcpEnded(name)
      happen(name, { kind: 'tick' })
    }
  }

  mkdirSync(FOLDER, { recursive: true })
  const unwatchFiles = watchLeases((name) => {
    const lease = readLease(name)
    happen(name, lease ? { kind: 'leased', lease } : { kind: 'unleased' })
  })
  const nameServers = (): void => writeResolvConf(context.state.get('leases'), context.config.network.dns, context.state.get('members'))
  const unwatchLeases = context.state.watch('leases', nameServers)
  const unwatchMembers = context.state.watch('members', nameServers)
  const unwatchLinks = context.state.watch('links', follow)
  const ticking = setInterval(tick, TICK_MS)
  follow(context.state.get('links'))

  return {
    setAddress,
    stop() {
      clearInterval(ticking)
      unwatchLinks()
      unwatchLeases()
      unwatchMembers()
      unwatchFiles()
    },
  }
}

function writeResolvConf(leases: readonly Lease[], first: readonly string[], members: readonly Member[]): void {
  // The last servers known are better than none while a cable is out.
  if (leases.length === 0) return
  const text = formatResolvConf(chooseNameServers(ownNameServers(leases, first), members))
  if (readTextIfThere(RESOLV_CONF) !== text) writeAtomically(RESOLV_CONF, text)
}

/** The interface that is meant when somebody types an address and names none: one that has a carrier, those without an address first. */
export function chooseForTyping(ports: readonly Port[]): string | undefined {
  const needy = (port: Port): number => [port.dhcp.phase !== 'bound', port.fixed === undefined].filter(Boolean).length
  return ports.filter((port) => port.carrier).toSorted((one, other) => needy(other) - needy(one))[0]?.interface
}

function interfaceIndex(name: string): number {
  return Number(readTextIfThere(`/sys/class/net/${name}/ifindex`) ?? 0)
}
