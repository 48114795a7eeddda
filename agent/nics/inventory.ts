import { existsSync, realpathSync as slowRealpathSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { namesIn, readTextIfThere } from '../os/files.ts'

/** A device that is a network card by its class, with or without a driver. */
export interface NicDevice {
  /** `pci:0000:00:03.0` or `usb:1-1` or `virtio:virtio0`. */
  busId: string
  vendorDevice: string | undefined
}

/** An interface the kernel has made for a card. */
export interface NicInterface extends NicDevice {
  name: string
  index: number
  mac: string
  /** Module of the driver, or the driver's name when it is built in. */
  module: string
  carrier: boolean
  /** How often the carrier came or went, to notice flaps between two looks. */
  carrierChanges: number
  speedMbps: number | undefined
  /** The bond it is part of. */
  bond: string | undefined
}

/** The C library's: one system call, where Node's own looks at every folder of the path. */
const realpathSync = slowRealpathSync.native

const ARPHRD_ETHER = '1'
const PCI_CLASS_NETWORK = '0x02'
/** Class and subclass of USB interfaces that are Ethernet: CDC ECM, EEM, NCM, and RNDIS in its two spellings. */
const USB_NETWORK_CLASSES = new Set(['0206', '020c', '020d', 'e001', 'ef04'])

/**
 * A text that changes when one of the interfaces goes or its carrier has come or gone, however briefly: a few short reads that tell whether to look at
 * everything again. Without names, of all interfaces; it then changes when one comes, too.
 */
export function readPulse(names?: Iterable<string>, sys = '/sys'): string {
  return [...names ?? namesIn(`${sys}/class/net`)].map((name) => `${name} ${read(`${sys}/class/net/${name}/carrier_changes`)}`).join('\n')
}

/** Reads all interfaces of real cards: those with a device beneath. lo, bridges, tunnels and a phantom bond0 have none. */
export function readInterfaces(sys = '/sys'): NicInterface[] {
  return namesIn(`${sys}/class/net`).flatMap((name) => {
    const folder = `${sys}/class/net/${name}`
    if (!existsSync(`${folder}/device`) || read(`${folder}/type`) !== ARPHRD_ETHER) return []
    try {
      const device = realpathSync(`${folder}/device`)
      const speed = Number(read(`${folder}/speed`))
      return [{
        name,
        ...physicalDevice(device),
        index: Number(read(`${folder}/ifindex`)),
        // The cards of a bond all show the MAC address of the bond.
        mac: read(`${folder}/bonding_slave/perm_hwaddr`) ?? read(`${folder}/address`) ?? '',
        bond: existsSync(`${folder}/bonding_slave`) ? basename(realpathSync(`${folder}/master`)) : undefined,
        module: moduleOf(device),
        // The kernel refuses to read it (EINVAL) while the interface is down.
        carrier: read(`${folder}/carrier`) === '1',
        carrierChanges: Number(read(`${folder}/carrier_changes`) ?? 0),
        speedMbps: speed > 0 ? speed : undefined,
      }]
    } catch {
      return [] // it went while we looked
    }
  }).sort((one, other) => one.index - other.index)
}

/** All PCI and USB devices that call themselves network cards, whether a driver has taken them or not. */
export function readNetworkDevices(sys = '/sys'): NicDevice[] {
  const pci = namesIn(`${sys}/bus/pci/devices`)
    .filter((address) => read(`${sys}/bus/pci/devices/${address}/class`)?.startsWith(PCI_CLASS_NETWORK))
    .map((address) => physicalDevice(realpathSync(`${sys}/bus/pci/devices/${address}`)))
  const usb = namesIn(`${sys}/bus/usb/devices`)
    .map((name) => `${sys}/bus/usb/devices/${name}`)
    .filter((folder) => USB_NETWORK_CLASSES.has(`${read(`${folder}/bInterfaceClass`)}${read(`${folder}/bInterfaceSubClass`)}`))
    .map((folder) => physicalDevice(realpathSync(folder)))
  const unique = new Map([...pci, ...usb].map((device) => [device.busId, device]))
  return [...unique.values()].sort((one, other) => one.busId.localeCompare(other.busId))
}

/** The card a driver's device sits on: a virtio device's PCI function, a USB interface's USB device; else the device itself. */
function physicalDevice(path: string): NicDevice {
  for (let folder = path; folder.includes('/devices/'); folder = dirname(folder)) {
    const bus = existsSync(`${folder}/subsystem`) ? basename(realpathSync(`${folder}/subsystem`)) : ''
    if (bus === 'pci') return { busId: `pci:${basename(folder)}`, vendorDevice: ids(folder, 'vendor', 'device') }
    if (bus === 'usb' && existsSync(`${folder}/idVendor`)) return { busId: `usb:${basename(folder)}`, vendorDevice: ids(folder, 'idVendor', 'idProduct') }
  }
  const bus = existsSync(`${path}/subsystem`) ? basename(realpathSync(`${path}/subsystem`)) : 'device'
  return { busId: `${bus}:${basename(path)}`, vendorDevice: undefined }
}

function moduleOf(device: string): string {
  const driver = `${device}/driver`
  if (existsSync(`${driver}/module`)) return basename(realpathSync(`${driver}/module`))
  return existsSync(driver) ? basename(realpathSync(driver)) : 'builtin'
}

function ids(folder: string, vendor: string, device: string): string | undefined {
  const pair = [read(`${folder}/${vendor}`), read(`${folder}/${device}`)]
  return pair.includes(undefined) ? undefined : pair.map((id) => id?.replace(/^0x/, '')).join(':')
}

function read(path: string): string | undefined {
  return readTextIfThere(path)?.trim()
}
