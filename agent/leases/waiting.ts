import type { Waiting } from '../../schema/node-state.ts'
import { leasesOf, type Port } from './lease-machine.ts'

/** What a node without any address waits for, and what a person can do; undefined when it has one. */
export function waitingForAddress(ports: readonly Port[]): Waiting | undefined {
  if (ports.length === 0 || ports.some((port) => leasesOf(port).length > 0)) return undefined
  const wired = ports.filter((port) => port.carrier)
  if (wired.length === 0) {
    return { for: `a carrier on ${names(ports)}`, fix: 'plug a network cable in, or switch the other end on' }
  }
  return { for: `a DHCP server on ${names(wired)}`, fix: 'start one on this network, or type an address: netsetup (Tab on the screen); without one a link-local address follows' }
}

function names(ports: readonly Port[]): string {
  return ports.map((port) => port.interface).join(', ')
}
