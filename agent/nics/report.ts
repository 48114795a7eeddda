import type { NicReport, Waiting } from '../../schema/node-state.ts'
import type { NicDevice, NicInterface } from './inventory.ts'

/** What the node tells of its cards: every interface, then every network device that has none, with the reason. */
export function reportNics(interfaces: readonly NicInterface[], devices: readonly NicDevice[], missingFirmware: ReadonlyMap<string, string>): NicReport[] {
  const driven = interfaces.map((nic): NicReport => ({
    interface: nic.name,
    mac: nic.mac,
    busId: nic.busId,
    ...(nic.vendorDevice === undefined ? {} : { vendorDevice: nic.vendorDevice }),
    driver: { state: 'bound', module: nic.module },
    carrier: nic.carrier,
    ...(nic.speedMbps === undefined ? {} : { speedMbps: nic.speedMbps }),
    ...(nic.bond === undefined ? {} : { bond: nic.bond }),
  }))
  const taken = new Set(interfaces.map((nic) => nic.busId))
  const idle = devices.filter((device) => !taken.has(device.busId)).map((device): NicReport => {
    const file = missingFirmware.get(device.busId)
    return {
      busId: device.busId,
      ...(device.vendorDevice === undefined ? {} : { vendorDevice: device.vendorDevice }),
      driver: file === undefined ? { state: 'no-module' } : { state: 'firmware-missing', file },
      carrier: false,
    }
  })
  return [...driven, ...idle]
}

/**
 * Firmware files the kernel asked for and did not get, by the bus id of the card (a driver that tries several counts with
 * the first). The kernel says `r8169 0000:03:00.0: Direct firmware load for rtl_nic/rtl8168e-3.fw failed with error -2`,
 * Debian's also `… firmware: failed to load rtl_nic/rtl8168e-3.fw (-2)`.
 */
export function findMissingFirmware(kernelLog: string): Map<string, string> {
  const missing = new Map<string, string>()
  const pattern = /\S+ (?:(?<pci>[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])|(?<usb>\d+-[\d.]+)(?::[\d.]+)?): (?:Direct firmware load for|firmware: failed to load) (?<file>\S+)/g
  for (const { groups } of kernelLog.matchAll(pattern)) {
    const busId = groups?.['pci'] === undefined ? `usb:${groups?.['usb']}` : `pci:${groups['pci']}`
    if (!missing.has(busId) && groups?.['file']) missing.set(busId, groups['file'])
  }
  return missing
}

/** What is waited for when no card can be used for want of a driver; carriers and addresses are the business of leases. */
export function waitingForCard(nics: readonly NicReport[]): Waiting | undefined {
  if (nics.some((nic) => nic.driver.state === 'bound')) return undefined
  const idle = nics.find((nic) => nic.driver.state !== 'bound')
  if (idle === undefined) return { for: 'a network card', fix: 'none was found on any bus: put in a PCI or USB Ethernet card', fatal: true }
  const what = `${idle.busId} ${idle.vendorDevice ?? ''}`.trim()
  return idle.driver.state === 'firmware-missing'
    ? { for: `firmware ${idle.driver.file} of ${what}`, fix: 'build the image with nics.firmware: nonfree, or use another card', fatal: true }
    : { for: `a driver for ${what}`, fix: 'build the image with nics.set: wired or name its module there, or use another card', fatal: true }
}
