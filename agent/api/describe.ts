import type { Lease, NicReport, NodeId } from '../../schema/node-state.ts'

/** The words in which the command line and the status screen tell of a node: the same thing reads the same in both. */

/** A node id as the seed wrote it: `0x0adc`. */
export function formatNodeId(id: NodeId): string {
  return `0x${id.toString(16).padStart(4, '0')}`
}

/** `eth0`, or the bus id of a card that no driver made an interface of. */
export function nicName(nic: NicReport): string {
  return nic.interface ?? nic.busId
}

/** The driver's module, or what is wrong with it. */
export function describeDriver(nic: NicReport): string {
  switch (nic.driver.state) {
    case 'bound': return nic.driver.module
    case 'no-module': return 'no module'
    case 'firmware-missing': return `firmware ${nic.driver.file} missing`
  }
}

/** What keeps a card from being of use; undefined when nothing does. */
export function nicProblem(nic: NicReport): string | undefined {
  if (nic.driver.state !== 'bound') return describeDriver(nic)
  return nic.carrier ? undefined : 'no carrier'
}

/** Where an address comes from: `DHCP from 10.0.0.1`, `static`, `link-local, no DHCP server answered`. */
export function leaseOrigin(lease: Lease): string {
  switch (lease.kind) {
    case 'dhcp': return lease.server === undefined ? 'DHCP' : `DHCP from ${lease.server}`
    case 'static': return 'static'
    case 'link-local': return 'link-local, no DHCP server answered'
  }
}

/** `2d 03:04:05` */
export function formatUptime(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  const two = (value: number): string => String(value).padStart(2, '0')
  const clock = `${two(Math.floor(whole / 3600) % 24)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`
  return whole < 86_400 ? clock : `${Math.floor(whole / 86_400)}d ${clock}`
}

/** `83 of 487 MiB used` */
export function formatMemory(usedKiB: number, totalKiB: number): string {
  return `${Math.round(usedKiB / 1024)} of ${Math.round(totalKiB / 1024)} MiB used`
}
