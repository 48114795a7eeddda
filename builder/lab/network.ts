import { run } from '../os/run.ts'

/** Bit of 01:80:c2:00:00:02, the slow protocols (IEEE 802.1AX), in a bridge port's mask. */
const PASS_LACP = 4

/** Addresses of one network of the lab. The DHCP server and the boot server are the only things on it that are not nodes. */
export interface AddressPlan {
  network: number
  bridge: string
  server: string
  /** The one that serves boot files, when there is one. */
  bootServer: string
  prefixLength: number
  netmask: string
  broadcast: string
  first: string
  last: string
}

/** Network N is 192.168.(10+N).0/24, its DHCP server .1, its boot server .2, its pool .100 to .199. */
export function addressPlan(network: number): AddressPlan {
  const prefix = `192.168.${10 + network}`
  return {
    network,
    bridge: `lan${network}`,
    server: `${prefix}.1`,
    bootServer: `${prefix}.2`,
    prefixLength: 24,
    netmask: '255.255.255.0',
    broadcast: `${prefix}.255`,
    first: `${prefix}.100`,
    last: `${prefix}.199`,
  }
}

/** The same address at every boot of a node; 52:54:00 is QEMU's own prefix. */
export function macAddress(node: number, nic: number): string {
  const byte = (value: number): string => value.toString(16).padStart(2, '0')
  return `52:54:00:50:${byte(node)}:${byte(nic)}`
}

export function tapName(node: number, nic: number): string {
  return `n${node}i${nic}`
}

/** Makes a network: a bridge that floods multicast as a plain switch does. */
export async function addBridge(plan: AddressPlan): Promise<void> {
  await ip('link', 'add', plan.bridge, 'type', 'bridge', 'mcast_snooping', '0')
  await ip('link', 'set', plan.bridge, 'up')
}

/** Makes the tap that is the outer end of a card's wire. */
export async function addTap(tap: string): Promise<void> {
  await ip('tuntap', 'add', 'dev', tap, 'mode', 'tap')
  await ip('link', 'set', tap, 'up')
}

export async function removeLink(link: string): Promise<void> {
  await ip('link', 'delete', link)
}

/** Puts a wire into a network, or with undefined into none. The guest's carrier is not touched: this is a cut inside the switch. */
export async function wire(link: string, plan: AddressPlan | undefined): Promise<void> {
  await ip('link', 'set', 'dev', link, ...(plan === undefined ? ['nomaster'] : ['master', plan.bridge, 'up']))
  // LACP ends at a switch, so a bridge does not pass it on; with two cards on it ours is the cable between two bonds.
  if (plan !== undefined) await ip('link', 'set', 'dev', link, 'type', 'bridge_slave', 'group_fwd_mask', String(PASS_LACP))
}

async function ip(...args: string[]): Promise<void> {
  await run('ip', args, { limitSeconds: 30 })
}
