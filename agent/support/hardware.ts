import { existsSync, realpathSync } from 'node:fs'
import { basename } from 'node:path'
import { namesIn, readTextIfThere } from '../os/files.ts'

/** The machine's devices as text, a line each: what `lspci -nk`, `lsusb` and `lsblk` would tell, from sysfs alone. */
export function hardwareList(sys = '/sys'): string {
  const pci = namesIn(`${sys}/bus/pci/devices`).sort().map((address) => {
    const folder = `${sys}/bus/pci/devices/${address}`
    return `pci ${address} class ${read(folder, 'class')} ${id(folder, 'vendor')}:${id(folder, 'device')} subsystem ${id(folder, 'subsystem_vendor')}:${id(folder, 'subsystem_device')} driver ${driver(folder)}`
  })
  const usb = namesIn(`${sys}/bus/usb/devices`).sort().flatMap((name) => {
    const folder = `${sys}/bus/usb/devices/${name}`
    if (!existsSync(`${folder}/idVendor`)) return []
    return [`usb ${name} ${read(folder, 'idVendor')}:${read(folder, 'idProduct')} ${read(folder, 'speed')} Mbit/s ${read(folder, 'manufacturer')} ${read(folder, 'product')} drivers ${usbDrivers(sys, name)}`]
  })
  const disks = namesIn(`${sys}/class/block`).sort().map((name) => {
    const folder = `${sys}/class/block/${name}`
    return `block ${name} ${Number(read(folder, 'size')) * 512} bytes removable ${read(folder, 'removable')} ${read(folder, 'device/vendor')} ${read(folder, 'device/model')}`
  })
  return [...pci, ...usb, ...disks].map((line) => `${line.replace(/ +/g, ' ').trimEnd()}\n`).join('')
}

function read(folder: string, name: string): string {
  return readTextIfThere(`${folder}/${name}`)?.trim() ?? ''
}

function id(folder: string, name: string): string {
  return read(folder, name).replace(/^0x/, '')
}

function driver(folder: string): string {
  return existsSync(`${folder}/driver`) ? basename(realpathSync(`${folder}/driver`)) : 'none'
}

/** A USB device's interfaces lie beside it, as in 1-1:1.0. */
function usbDrivers(sys: string, name: string): string {
  const drivers = namesIn(`${sys}/bus/usb/devices`).filter((other) => other.startsWith(`${name}:`)).map((other) => driver(`${sys}/bus/usb/devices/${other}`))
  return drivers.length === 0 ? 'none' : drivers.join(',')
}
