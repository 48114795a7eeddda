import type { NetworkInterfaceInfo } from 'node:os'
import { BootServerProblem } from './problem.ts'

/** The network that is served, from this machine's end. */
export interface Lan {
  interface: string
  /** This machine's address on it. */
  address: string
  prefixLength: number
  /** First address of the network, as in 192.168.77.0. */
  network: string
  netmask: string
  /** Addresses to give away, when this machine is to be the DHCP server. */
  pool: { first: string; last: string } | undefined
  /** Whether the interface lacks the address and has to be given it. */
  addressMissing: boolean
}

export interface LanWishes {
  interface?: string | undefined
  /** As in 192.168.77.0/24: be the DHCP server of that network. */
  dhcp?: string | undefined
}

/** Interfaces that lead to no wire: containers, virtual machines, tunnels. */
const VIRTUAL = /^(lo|docker|br-|virbr|veth|vnet|tap|tun|wg|plump|tailscale|zt|lxc|cni|flannel)/
const SMALLEST_PREFIX = 16
const LARGEST_PREFIX = 29

/** Chooses interface and addresses. Throws BootServerProblem LAN_CHOICE, LAN_ADDRESS or USAGE, naming what there is. */
export function chooseLan(interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>, wishes: LanWishes): Lan {
  const network = wishes.dhcp === undefined ? undefined : parseNetwork(wishes.dhcp)
  const name = chooseInterface(interfaces, wishes.interface, network !== undefined)
  const own = ipv4Of(interfaces[name])
  if (network === undefined) {
    const [first] = own
    if (first === undefined) throw new BootServerProblem('LAN_ADDRESS', `${name} has no IPv4 address`, { fix: 'connect it to a network with a DHCP server, or be one: --dhcp 192.168.77.0/24', isUsage: true })
    return { interface: name, ...lanOf(first.address, first.prefixLength), pool: undefined, addressMissing: false }
  }
  const { start, prefixLength } = network
  const inside = own.find(({ address }) => networkStart(toNumber(address), prefixLength) === start)
  const address = inside?.address ?? toText(start + 1)
  const size = 2 ** (32 - prefixLength)
  // The upper half, so that machines with fixed addresses have the lower one; never our own and never the broadcast address.
  const pool = { first: toText(start + size / 2), last: toText(start + size - 2) }
  if (toNumber(address) >= start + size / 2) {
    throw new BootServerProblem('LAN_ADDRESS', `${address} of ${name} lies in the half of ${wishes.dhcp} that is given away`, { fix: 'give this machine an address in the lower half', isUsage: true })
  }
  return { interface: name, ...lanOf(address, prefixLength), pool, addressMissing: inside === undefined }
}

/** For people, as in `eth0, 192.168.5.0/24, as 192.168.5.20, beside its DHCP server`. */
export function describeLan({ interface: name, address, network, prefixLength, pool }: Lan): string {
  return `${name}, ${network}/${prefixLength}, as ${address}, ${pool === undefined ? 'beside its DHCP server' : `DHCP server for ${pool.first} to ${pool.last}`}`
}

function chooseInterface(interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>, named: string | undefined, mayLackAddress: boolean): string {
  if (named !== undefined) {
    // Node lists interfaces with an address only: one that is to be given an address is not there yet.
    if (interfaces[named] === undefined && !mayLackAddress) throw choice(`${named} is not there or has no address`, Object.keys(interfaces))
    if (!/^[\w.@:-]{1,15}$/.test(named)) throw choice(`"${named}" is no network interface`, Object.keys(interfaces))
    return named
  }
  const wired = Object.keys(interfaces).filter((name) => !VIRTUAL.test(name) && ipv4Of(interfaces[name]).length > 0)
  const [only] = wired
  if (only === undefined || wired.length > 1) throw choice(wired.length === 0 ? 'no network interface has an address' : 'there are several networks', wired)
  return only
}

function choice(message: string, names: readonly string[]): BootServerProblem {
  return new BootServerProblem('LAN_CHOICE', message, { fix: `name the one to serve: --interface ${names[0] ?? 'eth0'}${names.length > 1 ? ` (there are ${names.join(', ')})` : ''}`, isUsage: true })
}

function ipv4Of(addresses: readonly NetworkInterfaceInfo[] | undefined): { address: string; prefixLength: number }[] {
  return (addresses ?? []).filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address, cidr }) => ({ address, prefixLength: Number(cidr?.split('/')[1] ?? 24) }))
}

function lanOf(address: string, prefixLength: number): Pick<Lan, 'address' | 'prefixLength' | 'network' | 'netmask'> {
  return { address, prefixLength, network: toText(networkStart(toNumber(address), prefixLength)), netmask: toText(2 ** 32 - 2 ** (32 - prefixLength)) }
}

function parseNetwork(text: string): { start: number; prefixLength: number } {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text)
  const parts = match?.slice(1, 5).map(Number) ?? []
  const prefixLength = Number(match?.[5])
  const start = match === null ? 0 : toNumber(parts.join('.'))
  if (match === null || parts.some((part) => part > 255) || prefixLength < SMALLEST_PREFIX || prefixLength > LARGEST_PREFIX || networkStart(start, prefixLength) !== start) {
    throw new BootServerProblem('USAGE', `--dhcp: "${text}" is not a network of /${SMALLEST_PREFIX} to /${LARGEST_PREFIX}`, { fix: 'write it as in --dhcp 192.168.77.0/24', isUsage: true })
  }
  return { start, prefixLength }
}

function networkStart(address: number, prefixLength: number): number {
  const size = 2 ** (32 - prefixLength)
  return Math.floor(address / size) * size
}

function toNumber(address: string): number {
  return address.split('.').reduce((number, part) => number * 256 + Number(part), 0)
}

function toText(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.')
}
