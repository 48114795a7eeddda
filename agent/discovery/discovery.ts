import { randomBytes } from 'node:crypto'
import type { AgentContext, Capability } from '../capability.ts'
import type { DiscoveredNode } from '../state.ts'
import type { Lease, Member, Waiting } from '../../schema/node-state.ts'
import { fingerprintOf } from './fingerprint.ts'
import { openVoice, type InterfaceVoice } from './interface-voice.ts'
import { KnownNodes } from './known-nodes.ts'

const EXPIRY_CHECK_MS = 10_000
/** After a socket failed to open, as when another program holds port 5353 alone. */
const REOPEN_MS = 5_000

export interface Discovery extends Capability {
  /** How many multicast DNS packets of other machines an interface has heard since it has its present address. */
  packetsHeard(interfaceName: string): number
}

/**
 * Finds other nodes by DNS-SD on every interface that has an address and tells of them in `discovered`. `context.keys` must be
 * known; a network that has none of ours costs a few packets a minute. Throws when the key is not there yet.
 */
export function startDiscovery(context: AgentContext): Discovery {
  const { state, keys } = context
  if (!keys) throw new Error('discovery needs the cluster key; wait for it with waitForClusterKey()')
  const log = context.log.named('discovery')
  const instance = randomBytes(8).toString('hex')
  const known = new KnownNodes(() => keys.fingerprints)
  const voices = new Map<string, InterfaceVoice>()
  const heard = new Map<string, number>()
  const reopenTimers = new Set<NodeJS.Timeout>()
  let live = liveAddresses(state.get('members'))

  const publish = (): void => {
    const nodes = known.list(context.nowMs())
    state.set('discovered', nodes)
    state.setWaiting('discovery', tellOfStrangers(nodes, state.get('waiting').discovery))
  }
  const isNewestHeard = (): boolean => state.get('discovered').some((node) => node.kind === 'same-cluster' && !node.withOldKey)
  const open = (lease: Lease): InterfaceVoice => openVoice({
    on: lease,
    instance,
    // While it is not known whether the old key is still of use: the newest would be a stranger's to those who have only that.
    fingerprint: () => keys.old !== undefined && !keys.takesOld && !isNewestHeard() ? undefined : fingerprintOf(keys.spoken),
    nowMs: () => context.nowMs(),
    liveMembers: () => live.size,
    isLiveMember: (address) => live.has(address),
    onAnnouncement: (announcement) => {
      if (announcement.addresses.some((address) => state.get('leases').some((own) => own.address === address))) return
      if (known.hear(announcement, context.nowMs())) publish()
    },
    onPacket: () => void heard.set(lease.interface, (heard.get(lease.interface) ?? 0) + 1),
    onTrouble: (error) => {
      log.warn(`multicast DNS on ${lease.interface} (${lease.address}): ${error.message}`)
      if ('code' in error && error.code === 'EADDRINUSE') reopenLater(lease)
    },
  })
  const reopenLater = (lease: Lease): void => {
    closeVoice(voiceName(lease))
    const timer = setTimeout(() => {
      reopenTimers.delete(timer)
      followLeases()
    }, REOPEN_MS)
    reopenTimers.add(timer)
  }
  const closeVoice = (name: string): void => {
    voices.get(name)?.close()
    voices.delete(name)
  }
  const followLeases = (): void => {
    const leases = new Map(state.get('leases').map((lease) => [voiceName(lease), lease]))
    for (const name of voices.keys()) if (!leases.has(name)) closeVoice(name)
    for (const [name, lease] of leases) {
      if (voices.has(name)) continue
      heard.set(lease.interface, 0)
      voices.set(name, open(lease))
    }
  }

  const unwatchLeases = state.watch('leases', followLeases)
  const unwatchMembers = state.watch('members', (members) => {
    const liveBefore = live.size
    live = liveAddresses(members)
    if (live.size <= 1 && live.size < liveBefore) for (const voice of voices.values()) voice.askAgain()
  })
  const unwatchKeys = keys.watch(() => {
    for (const voice of voices.values()) voice.announce()
    publish()
  })
  const expiry = setInterval(publish, EXPIRY_CHECK_MS)
  followLeases()

  return {
    packetsHeard: (interfaceName) => heard.get(interfaceName) ?? 0,
    stop: () => {
      unwatchLeases()
      unwatchMembers()
      unwatchKeys()
      clearInterval(expiry)
      for (const timer of reopenTimers) clearTimeout(timer)
      for (const name of voices.keys()) closeVoice(name)
    },
  }
}

function voiceName(lease: Lease): string {
  return `${lease.interface} ${lease.address}/${lease.prefixLength}`
}

function liveAddresses(members: readonly Member[]): Set<string> {
  return new Set(members.flatMap((member) => member.state === 'alive' ? member.addresses : []))
}

/**
 * What the console says of another cluster on the wire; undefined when there is none. As long as the address named before is still heard
 * the text stays the same, so that the console is told once.
 */
export function tellOfStrangers(nodes: readonly DiscoveredNode[], before: Waiting | undefined): Waiting | undefined {
  const strangers = nodes.filter((node) => node.kind === 'stranger').map((node) => node.address)
  if (strangers.length === 0) return undefined
  const texts = strangers.map((address) => ({
    for: `the key of another cluster, heard from ${address} on this network: it is not ours, so neither joins the other`,
    fix: 'to make them one, boot all nodes from one ISO or give them the same plump.key; to keep them apart, nothing need be done',
  }))
  return texts.find((text) => text.for === before?.for) ?? texts[0]
}
