import type { Lease } from '../../schema/node-state.ts'
import type { FixedAddress } from '../../schema/network.ts'
import { linkLocalCandidate } from './link-local.ts'

/**
 * How one interface gets and keeps its addresses: events in, actions out, time passed in. leases.ts runs the actions.
 *
 * DHCP goes on for as long as there is a carrier, with growing pauses between tries. When no lease came for 10 s, a
 * link-local address is probed and used; it stays, also when DHCP answers later, because other members know it.
 * A card with a static address does neither.
 */

/** From when the wire is up without a lease to the first link-local probe. */
export const LINK_LOCAL_AFTER_MS = 10_000
/** RFC 3927, section 9: after this many conflicts, one try a minute. */
const CONFLICTS_IN_A_ROW = 10
const CONFLICT_REST_MS = 60_000
const FIRST_PAUSE_MS = 2_000
const LONGEST_PAUSE_MS = 30_000

export type DhcpPhase =
  | { phase: 'off' }
  | { phase: 'asking'; failures: number }
  | { phase: 'pausing'; failures: number; untilMs: number }
  | { phase: 'bound'; lease: Lease }

export type LinkLocalPhase =
  | { phase: 'none' }
  /** `held` when the interface has the address and it is only checked again. */
  | { phase: 'probing'; address: string; attempt: number; held: boolean }
  | { phase: 'held'; address: string; attempt: number }

export interface Port {
  interface: string
  mac: string
  fixed: FixedAddress | undefined
  carrier: boolean
  dhcp: DhcpPhase
  linkLocal: LinkLocalPhase
  /** Since when there is a carrier and no lease; undefined otherwise. */
  silentSinceMs: number | undefined
}

export type PortEvent =
  | { kind: 'carrier'; up: boolean }
  /** A lease came, was renewed or changed. */
  | { kind: 'leased'; lease: Lease }
  /** udhcpc says that it has no lease (any more). */
  | { kind: 'unleased' }
  /** udhcpc ended: no answer to a series of questions, or it was killed. */
  | { kind: 'dhcp-ended' }
  | { kind: 'probed'; address: string; free: boolean }
  /** Somebody gave the interface an address by hand, or with undefined took it back. */
  | { kind: 'fix'; address: FixedAddress | undefined }
  | { kind: 'tick' }

export type PortAction =
  | { do: 'start-dhcp'; wanted: string | undefined; firstTry: boolean }
  | { do: 'renew-dhcp' }
  | { do: 'stop-dhcp' }
  | { do: 'set-static'; address: FixedAddress }
  /** Takes all addresses of the interface away, whoever set them. */
  | { do: 'clear' }
  | { do: 'probe'; address: string }
  | { do: 'add-link-local'; address: string }
  | { do: 'remove-link-local'; address: string }
  /** Reach other subnets on the wire although no router is known (link-local only). */
  | { do: 'direct-route'; on: boolean }
  | { do: 'say'; level: 'info' | 'warn'; message: string }

export interface Step {
  port: Port
  actions: PortAction[]
}

/** What an agent finds on an interface at first sight; all but the carrier is the work of an earlier agent. */
export interface Found {
  carrier: boolean
  /** A live udhcpc: with its lease, or still asking. */
  dhcp: Lease | 'asking' | undefined
  linkLocal: string | undefined
}

/**
 * An interface at first sight. A restarted agent takes over what runs: an address in use stays in use and is neither
 * renewed nor probed again. A fresh interface has no carrier until an event says so.
 */
export function newPort(name: string, mac: string, fixed: FixedAddress | undefined, found: Found, nowMs: number): Port {
  const fresh: Port = { interface: name, mac, fixed, carrier: false, dhcp: { phase: 'off' }, linkLocal: { phase: 'none' }, silentSinceMs: undefined }
  if (fixed || (found.dhcp === undefined && found.linkLocal === undefined)) return fresh
  const lease = found.dhcp === 'asking' ? undefined : found.dhcp
  return {
    ...fresh,
    carrier: found.carrier,
    dhcp: lease ? { phase: 'bound', lease } : found.dhcp === 'asking' ? { phase: 'asking', failures: 0 }
      : found.carrier ? { phase: 'pausing', failures: 0, untilMs: nowMs } : { phase: 'off' },
    linkLocal: found.linkLocal === undefined ? { phase: 'none' } : { phase: 'held', address: found.linkLocal, attempt: 0 },
    silentSinceMs: found.carrier && !lease ? nowMs : undefined,
  }
}

/** The port after one event, and what is to be done. */
export function step(port: Port, event: PortEvent, nowMs: number): Step {
  switch (event.kind) {
    case 'carrier': return event.up === port.carrier ? { port, actions: [] } : event.up ? carrierCame(port, nowMs) : carrierWent(port)
    case 'leased': return leased(port, event.lease)
    case 'unleased': return unleased(port, nowMs)
    case 'dhcp-ended': return dhcpEnded(port, nowMs)
    case 'probed': return probed(port, event.address, event.free, nowMs)
    case 'fix': return fix(port, event.address, nowMs)
    case 'tick': return tick(port, nowMs)
  }
}

/** The addresses of a port that can be used now, the best first; none without carrier. */
export function leasesOf(port: Port): Lease[] {
  if (!port.carrier) return []
  if (port.fixed) return [fixedLease(port.interface, port.fixed)]
  return [
    ...(port.dhcp.phase === 'bound' ? [port.dhcp.lease] : []),
    ...(port.linkLocal.phase === 'held' ? [linkLocalLease(port.interface, port.linkLocal.address)] : []),
  ]
}

function carrierCame(before: Port, nowMs: number): Step {
  const port = { ...before, carrier: true }
  if (port.fixed) return { port, actions: [{ do: 'set-static', address: port.fixed }] }
  const actions: PortAction[] = []
  if (port.dhcp.phase === 'bound') {
    // Maybe it is another wire now: the server confirms the lease or refuses it.
    actions.push({ do: 'renew-dhcp' })
  } else {
    if (port.dhcp.phase !== 'asking') actions.push({ do: 'start-dhcp', wanted: undefined, firstTry: true })
    port.dhcp = { phase: 'asking', failures: 0 }
    port.silentSinceMs = nowMs
  }
  if (port.linkLocal.phase === 'held') {
    actions.push({ do: 'probe', address: port.linkLocal.address })
    port.linkLocal = { ...port.linkLocal, phase: 'probing', held: true }
  }
  return { port, actions }
}

function carrierWent(before: Port): Step {
  const port: Port = { ...before, carrier: false, silentSinceMs: undefined }
  const actions: PortAction[] = [{ do: 'say', level: 'warn', message: `${port.interface} lost its carrier` }]
  // A lease outlives a pulled cable; asking without one is in vain.
  if (port.dhcp.phase === 'asking' || port.dhcp.phase === 'pausing') {
    actions.push({ do: 'stop-dhcp' })
    port.dhcp = { phase: 'off' }
  }
  if (port.linkLocal.phase === 'probing') {
    port.linkLocal = port.linkLocal.held ? { phase: 'held', address: port.linkLocal.address, attempt: port.linkLocal.attempt } : { phase: 'none' }
  }
  return { port, actions }
}

function leased(before: Port, lease: Lease): Step {
  if (before.fixed) return { port: before, actions: [] }
  const known = before.dhcp.phase === 'bound' ? before.dhcp.lease : undefined
  const actions: PortAction[] = []
  if (known?.address !== lease.address) {
    actions.push({ do: 'say', level: 'info', message: `${lease.interface} has ${lease.address}/${lease.prefixLength} from ${lease.server ?? 'a server'} for ${lease.leaseSeconds ?? '?'} s` })
  }
  if (before.linkLocal.phase === 'held') actions.push({ do: 'direct-route', on: false })
  return { port: { ...before, dhcp: { phase: 'bound', lease }, silentSinceMs: undefined }, actions }
}

function unleased(before: Port, nowMs: number): Step {
  if (before.dhcp.phase !== 'bound') return { port: before, actions: [] }
  const { lease } = before.dhcp
  const actions: PortAction[] = [{ do: 'say', level: 'warn', message: `${lease.interface} lost its address ${lease.address}: the lease ended and was not renewed` }]
  if (before.linkLocal.phase === 'held') actions.push({ do: 'direct-route', on: true })
  // A udhcpc that once had a lease would ask for ever at one pace; a new one ends when nobody answers, and pauses grow.
  actions.push({ do: 'start-dhcp', wanted: lease.address, firstTry: true })
  return { port: { ...before, dhcp: { phase: 'asking', failures: 0 }, silentSinceMs: before.carrier ? nowMs : undefined }, actions }
}

function dhcpEnded(before: Port, nowMs: number): Step {
  switch (before.dhcp.phase) {
    case 'off':
    case 'pausing': return { port: before, actions: [] }
    case 'bound': {
      // It was killed; the address is still set. Start it again at once, asking for the same one.
      const wanted = before.dhcp.lease.address
      const warning: PortAction = { do: 'say', level: 'warn', message: `udhcpc on ${before.interface} ended; it is started again` }
      return {
        port: { ...before, dhcp: { phase: 'asking', failures: 0 }, silentSinceMs: before.carrier ? nowMs : undefined },
        actions: [warning, { do: 'start-dhcp', wanted, firstTry: true }],
      }
    }
    case 'asking': {
      if (!before.carrier) return { port: { ...before, dhcp: { phase: 'off' } }, actions: [] }
      const { failures } = before.dhcp
      const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS)
      return {
        port: { ...before, dhcp: { phase: 'pausing', failures: failures + 1, untilMs: nowMs + pauseMs } },
        actions: [{ do: 'say', level: 'info', message: `no DHCP server answers on ${before.interface}; asks again in ${pauseMs / 1000} s` }],
      }
    }
  }
}

function probed(before: Port, address: string, free: boolean, nowMs: number): Step {
  const { linkLocal } = before
  if (linkLocal.phase !== 'probing' || linkLocal.address !== address) return { port: before, actions: [] }
  // A lease came during the probe: no need for an address that nobody knows yet.
  if (before.dhcp.phase === 'bound' && !linkLocal.held) return { port: { ...before, linkLocal: { phase: 'none' } }, actions: [] }
  if (free) {
    const actions: PortAction[] = [{ do: 'add-link-local', address }]
    if (before.dhcp.phase !== 'bound') actions.push({ do: 'direct-route', on: true })
    return { port: { ...before, linkLocal: { phase: 'held', address, attempt: linkLocal.attempt } }, actions }
  }

  const actions: PortAction[] = [{ do: 'say', level: 'warn', message: `${address} is taken on the wire of ${before.interface}` }]
  if (linkLocal.held) actions.push({ do: 'remove-link-local', address })
  const attempt = linkLocal.attempt + 1
  if (attempt % CONFLICTS_IN_A_ROW === 0) {
    const silentSinceMs = nowMs + CONFLICT_REST_MS - LINK_LOCAL_AFTER_MS
    return { port: { ...before, linkLocal: { phase: 'none' }, silentSinceMs }, actions }
  }
  const next = linkLocalCandidate(before.mac, attempt)
  actions.push({ do: 'probe', address: next })
  return { port: { ...before, linkLocal: { phase: 'probing', address: next, attempt, held: false } }, actions }
}

/** Everything anew, as if the interface had appeared with this address in plump.yaml, or without one. */
function fix(before: Port, address: FixedAddress | undefined, nowMs: number): Step {
  const fresh: Port = { ...before, fixed: address, carrier: false, dhcp: { phase: 'off' }, linkLocal: { phase: 'none' }, silentSinceMs: undefined }
  const message = address === undefined ? `${before.interface} asks DHCP again` : `${before.interface} is given ${address.address} by hand`
  const { port, actions } = before.carrier ? carrierCame(fresh, nowMs) : { port: fresh, actions: [] }
  return { port, actions: [{ do: 'say', level: 'info', message }, { do: 'stop-dhcp' }, { do: 'clear' }, ...actions] }
}

function tick(before: Port, nowMs: number): Step {
  let port = before
  const actions: PortAction[] = []
  if (port.dhcp.phase === 'pausing' && nowMs >= port.dhcp.untilMs) {
    port = { ...port, dhcp: { phase: 'asking', failures: port.dhcp.failures } }
    actions.push({ do: 'start-dhcp', wanted: undefined, firstTry: false })
  }
  if (port.silentSinceMs !== undefined && port.linkLocal.phase === 'none' && nowMs - port.silentSinceMs >= LINK_LOCAL_AFTER_MS) {
    const address = linkLocalCandidate(port.mac, 0)
    port = { ...port, linkLocal: { phase: 'probing', address, attempt: 0, held: false } }
    actions.push({ do: 'probe', address })
  }
  return { port, actions }
}

function fixedLease(name: string, fixed: FixedAddress): Lease {
  const [address, prefix] = fixed.address.split('/')
  return {
    interface: name,
    kind: 'static',
    address: address ?? '',
    prefixLength: Number(prefix),
    ...(fixed.gateway === undefined ? {} : { gateway: fixed.gateway }),
    dns: fixed.dns,
    ntp: [],
  }
}

function linkLocalLease(name: string, address: string): Lease {
  return { interface: name, kind: 'link-local', address, prefixLength: 16, dns: [], ntp: [] }
}
