import { promises } from 'node:fs'
import { namesIn, readTextIfThere } from '../os/files.ts'
import { run } from '../os/run.ts'

const MODPROBE_LIMIT_MS = 120_000
/** Keeps one command line far below the kernel's limit of 128 KiB. */
const ALIASES_PER_CALL = 400

/** Modaliases of all devices on all buses. Walking PCI alone misses virtio, USB, vmbus and the like. */
export function readModaliases(sys = '/sys'): Set<string> {
  const aliases = new Set<string>()
  for (const bus of namesIn(`${sys}/bus`)) {
    for (const device of namesIn(`${sys}/bus/${bus}/devices`)) {
      const alias = readTextIfThere(`${sys}/bus/${bus}/devices/${device}/modalias`)?.trim()
      if (alias) aliases.add(alias)
    }
  }
  for (const phy of namesIn(`${sys}/bus/mdio_bus/devices`)) {
    const id = readTextIfThere(`${sys}/bus/mdio_bus/devices/${phy}/phy_id`)?.trim()
    if (id) aliases.add(phyModalias(Number(id)))
  }
  return aliases
}

/**
 * A PHY has no modalias file; the kernel asks for its driver by its 32 bit id spelled in binary, as in
 * `mdio:00000000001000100001011000100010` (MDIO_ID_FMT in include/linux/mod_devicetable.h).
 */
export function phyModalias(phyId: number): string {
  return `mdio:${(phyId >>> 0).toString(2).padStart(32, '0')}`
}

/**
 * Second pass for PCI network cards whose driver gave up in its probe, most often because its PHY driver was loaded only
 * after it: asks the kernel to probe them again. A card without a module is left as it is.
 */
export async function probeAgain(pciAddresses: readonly string[]): Promise<void> {
  // Not the synchronous kind: the write returns when the driver's probe has ended, which can take seconds.
  for (const address of pciAddresses) await promises.writeFile('/sys/bus/pci/drivers_probe', address)
}

/** Loads modules for aliases, each alias once for as long as its device is there. */
export class ModuleLoader {
  #done = new Set<string>()

  /** Modules of these aliases have been loaded by somebody else. */
  skip(aliases: Iterable<string>): void {
    for (const alias of aliases) this.#done.add(alias)
  }

  /** Loads what is new among the aliases; false when nothing was. */
  async load(aliases: Iterable<string>): Promise<boolean> {
    const fresh = [...aliases].filter((alias) => !this.#done.has(alias))
    for (const alias of fresh) this.#done.add(alias)
    if (fresh.length > 0) await modprobe(fresh)
    return fresh.length > 0
  }

  /** A device went; when it comes back its module is asked for again. */
  forget(alias: string): void {
    this.#done.delete(alias)
  }
}

/** Loads whatever modules the aliases name, with their dependencies; aliases without a module are no error. */
async function modprobe(aliases: readonly string[]): Promise<void> {
  for (let start = 0; start < aliases.length; start += ALIASES_PER_CALL) {
    const some = aliases.slice(start, start + ALIASES_PER_CALL)
    // modprobe -a goes on after a module that fails, and then exits with 1; which devices got a driver is read from sysfs.
    await run('/usr/bin/busybox', ['modprobe', '-a', '-b', '-q', ...some], MODPROBE_LIMIT_MS).catch(() => '')
  }
}
