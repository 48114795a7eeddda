import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readInterfaces, readNetworkDevices } from '../../agent/nics/inventory.ts'
import { phyModalias, readModaliases } from '../../agent/nics/modules.ts'
import { findMissingFirmware, reportNics, waitingForCard } from '../../agent/nics/report.ts'
import { parseUevent } from '../../agent/nics/uevents.ts'

/** A small /sys in a scratch folder, with the links the kernel makes. */
let sys: string
beforeEach(() => {
  sys = join(mkdtempSync(join(tmpdir(), 'plump-sys-')), 'sys')
})
afterEach(() => rmSync(dirname(sys), { recursive: true }))

function file(path: string, text: string): void {
  mkdirSync(dirname(join(sys, path)), { recursive: true })
  writeFileSync(join(sys, path), `${text}\n`)
}
function link(path: string, target: string): void {
  mkdirSync(dirname(join(sys, path)), { recursive: true })
  mkdirSync(join(sys, target), { recursive: true })
  symlinkSync(relative(dirname(join(sys, path)), join(sys, target)), join(sys, path))
}

const E1000 = 'devices/pci0000:00/0000:00:03.0'
const VIRTIO = 'devices/pci0000:00/0000:00:04.0'
const USB = 'devices/pci0000:00/0000:00:05.0/usb1/1-2'

function pciDevice(folder: string, vendor: string, device: string, modalias: string): void {
  const address = folder.slice(folder.lastIndexOf('/') + 1)
  for (const [name, text] of Object.entries({ vendor: `0x${vendor}`, device: `0x${device}`, class: '0x020000', modalias })) file(`${folder}/${name}`, text)
  link(`${folder}/subsystem`, 'bus/pci')
  link(`bus/pci/devices/${address}`, folder)
}
function netInterface(name: string, device: string, values: Record<string, string>): void {
  const folder = `${device}/net/${name}`
  for (const [key, text] of Object.entries({ type: '1', address: '52:54:00:00:00:01', ifindex: '2', carrier: '1', carrier_changes: '1', speed: '1000', ...values })) {
    file(`${folder}/${key}`, text)
  }
  link(`${folder}/device`, device)
  link(`class/net/${name}`, folder)
}
function driver(device: string, name: string): void {
  link(`${device}/driver`, `bus/pci/drivers/${name}`)
  link(`bus/pci/drivers/${name}/module`, `module/${name}`)
}

describe('the cards of a node', () => {
  test('a PCI card with its driver', () => {
    pciDevice(E1000, '8086', '100e', 'pci:v00008086d0000100E')
    driver(E1000, 'e1000')
    netInterface('eth0', E1000, {})
    expect(reportNics(readInterfaces(sys), readNetworkDevices(sys), new Map())).toEqual([{
      interface: 'eth0', mac: '52:54:00:00:00:01', busId: 'pci:0000:00:03.0', vendorDevice: '8086:100e',
      driver: { state: 'bound', module: 'e1000' }, carrier: true, speedMbps: 1000,
    }])
  })

  test('a virtio card is one card, its PCI function, with the module of the virtio device', () => {
    pciDevice(VIRTIO, '1af4', '1000', 'pci:v00001AF4d00001000')
    const virtio = `${VIRTIO}/virtio0`
    link(`${virtio}/subsystem`, 'bus/virtio')
    link(`${virtio}/driver`, 'bus/virtio/drivers/virtio_net')
    link('bus/virtio/drivers/virtio_net/module', 'module/virtio_net')
    netInterface('eth0', virtio, { speed: '-1' })
    expect(reportNics(readInterfaces(sys), readNetworkDevices(sys), new Map())).toEqual([{
      interface: 'eth0', mac: '52:54:00:00:00:01', busId: 'pci:0000:00:04.0', vendorDevice: '1af4:1000',
      driver: { state: 'bound', module: 'virtio_net' }, carrier: true,
    }])
  })

  test('a USB card is named by its device, not by the interface of it that the driver took', () => {
    for (const [name, text] of Object.entries({ idVendor: '0bda', idProduct: '8153' })) file(`${USB}/${name}`, text)
    link(`${USB}/subsystem`, 'bus/usb')
    link(`${USB}/1-2:1.0/subsystem`, 'bus/usb')
    netInterface('usb0', `${USB}/1-2:1.0`, {})
    expect(readInterfaces(sys)).toMatchObject([{ busId: 'usb:1-2', vendorDevice: '0bda:8153' }])
  })

  test('one without a driver, one without its firmware', () => {
    pciDevice(E1000, '8086', '100e', 'a')
    pciDevice(VIRTIO, '14e4', '1639', 'b')
    const missing = new Map([['pci:0000:00:04.0', 'bnx2/bnx2-mips-09-6.2.1b.fw']])
    expect(reportNics(readInterfaces(sys), readNetworkDevices(sys), missing)).toEqual([
      { busId: 'pci:0000:00:03.0', vendorDevice: '8086:100e', driver: { state: 'no-module' }, carrier: false },
      { busId: 'pci:0000:00:04.0', vendorDevice: '14e4:1639', driver: { state: 'firmware-missing', file: 'bnx2/bnx2-mips-09-6.2.1b.fw' }, carrier: false },
    ])
  })

  test('a USB Ethernet function without a driver is seen by its class', () => {
    file(`${USB}/idVendor`, '0525')
    file(`${USB}/idProduct`, 'a4a2')
    link(`${USB}/subsystem`, 'bus/usb')
    file(`${USB}/1-2:1.0/bInterfaceClass`, '02')
    file(`${USB}/1-2:1.0/bInterfaceSubClass`, '06')
    link(`${USB}/1-2:1.0/subsystem`, 'bus/usb')
    link('bus/usb/devices/1-2:1.0', `${USB}/1-2:1.0`)
    expect(readNetworkDevices(sys)).toEqual([{ busId: 'usb:1-2', vendorDevice: '0525:a4a2' }])
  })

  test('lo, bond0 and what is not Ethernet are no cards', () => {
    file('devices/virtual/net/bond0/type', '1')
    link('class/net/bond0', 'devices/virtual/net/bond0')
    pciDevice(E1000, '8086', '100e', 'a')
    netInterface('ib0', E1000, { type: '32' })
    expect(readInterfaces(sys)).toEqual([])
  })

  test('come in the order the kernel found them', () => {
    pciDevice(E1000, '8086', '100e', 'a')
    pciDevice(VIRTIO, '8086', '100e', 'a')
    netInterface('eth0', E1000, { ifindex: '12' })
    netInterface('eth1', VIRTIO, { ifindex: '3' })
    expect(readInterfaces(sys).map((nic) => nic.name)).toEqual(['eth1', 'eth0'])
  })
})

test('modaliases are read from every bus, and made for PHYs', () => {
  pciDevice(E1000, '8086', '100e', 'pci:v00008086d0000100E')
  file('bus/virtio/devices/virtio0/modalias', 'virtio:d00000001v00001AF4')
  file('bus/mdio_bus/devices/mdio-0:01/phy_id', '0x00221622')
  expect(readModaliases(sys)).toEqual(new Set(['pci:v00008086d0000100E', 'virtio:d00000001v00001AF4', 'mdio:00000000001000100001011000100010']))
  expect(phyModalias(0xffff_ffff)).toBe(`mdio:${'1'.repeat(32)}`)
})

test('firmware that the kernel did not find is told by card', () => {
  const log = `<3>[    3.1] r8169 0000:03:00.0: Direct firmware load for rtl_nic/rtl8168e-3.fw failed with error -2
<3>[    3.1] bnx2 0000:00:04.0: firmware: failed to load bnx2/bnx2-mips-09-6.2.1b.fw (-2)
<3>[    3.2] bnx2 0000:00:04.0: firmware: failed to load bnx2/other.fw (-2)
<6>[    3.3] e1000 0000:00:05.0 eth0: (PCI:33MHz:32-bit) 52:54:00:12:34:56
<3>[    4.0] r8152 2-1.4:1.0: Direct firmware load for rtl_nic/rtl8153b-2.fw failed with error -2`
  expect([...findMissingFirmware(log)]).toEqual([
    ['pci:0000:03:00.0', 'rtl_nic/rtl8168e-3.fw'],
    ['pci:0000:00:04.0', 'bnx2/bnx2-mips-09-6.2.1b.fw'],
    ['usb:2-1.4', 'rtl_nic/rtl8153b-2.fw'],
  ])
})

describe('a kernel event', () => {
  test('has its modalias when the device has one', () => {
    expect(parseUevent('add\tusb\t/devices/x/1-1:1.0\tusb:v0525pA4A2')).toEqual({ action: 'add', subsystem: 'usb', device: '/devices/x/1-1:1.0', modalias: 'usb:v0525pA4A2' })
    expect(parseUevent('remove\tnet\t/devices/x/net/usb0\t')).toEqual({ action: 'remove', subsystem: 'net', device: '/devices/x/net/usb0', modalias: undefined })
  })
  test.each(['', 'add', 'libudev\t'])('is not %j', (line) => {
    expect(parseUevent(line)).toBeUndefined()
  })
})

describe('what a node without a usable card waits for', () => {
  test.each([
    ['a card', [], 'a network card'],
    ['a driver', [{ busId: 'pci:0000:00:03.0', vendorDevice: '8086:100e', driver: { state: 'no-module' as const }, carrier: false }], 'a driver for pci:0000:00:03.0 8086:100e'],
    ['firmware', [{ busId: 'usb:1-1', driver: { state: 'firmware-missing' as const, file: 'a.fw' }, carrier: false }], 'firmware a.fw of usb:1-1'],
  ])('%s', (_what, nics, text) => {
    expect(waitingForCard(nics)?.for).toBe(text)
  })
  test('nothing when one card works', () => {
    expect(waitingForCard([{ busId: 'usb:1-1', driver: { state: 'bound', module: 'r8152' }, carrier: false }])).toBeUndefined()
  })
})
