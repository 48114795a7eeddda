import { existsSync, realpathSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { readTextIfThere } from '../os/files.ts'
import { blockDevices, filesystemOn, type Filesystem } from '../os/media.ts'

/** A stick, or a partition of one, that can be written to. */
export interface Stick {
  device: string
  filesystem: Filesystem
}

const WRITABLE: readonly (Filesystem | undefined)[] = ['vfat', 'exfat', 'ext4']

/**
 * The removable media with a filesystem that can be written to. What is mounted is left alone, with everything else on its disk: it is the
 * medium this node was started from, or holds somebody's data.
 */
export function writableSticks(sysBlockFolder = '/sys/class/block', mounts = readTextIfThere('/proc/mounts') ?? ''): Stick[] {
  const mountedDisks = new Set([...mounts.matchAll(/^\/dev\/(\S+) /gm)].map((match) => diskOf(match[1] ?? '', sysBlockFolder)))
  const found = blockDevices(sysBlockFolder).flatMap((device) => {
    const disk = diskOf(device, sysBlockFolder)
    if (mountedDisks.has(disk) || !isRemovable(disk, sysBlockFolder) || readTextIfThere(`${sysBlockFolder}/${device}/ro`)?.trim() === '1') return []
    const filesystem = filesystemIfReadable(device)
    return filesystem !== undefined && WRITABLE.includes(filesystem) ? [{ device, filesystem, disk }] : []
  })
  // A filesystem on the whole of a stick may begin with bytes that look like a table of partitions.
  const whole = new Set(found.flatMap(({ device, disk }) => (device === disk ? [disk] : [])))
  return found.filter(({ device, disk }) => device === disk || !whole.has(disk)).map(({ device, filesystem }) => ({ device, filesystem }))
}

/** `sdb` for `sdb1` and `sdb`. */
function diskOf(device: string, sysBlockFolder: string): string {
  const folder = `${sysBlockFolder}/${device}`
  if (!existsSync(`${folder}/partition`)) return device
  return basename(dirname(realpathSync(folder)))
}

/** Many sticks call themselves fixed disks, but they all hang on USB. */
function isRemovable(disk: string, sysBlockFolder: string): boolean {
  const folder = `${sysBlockFolder}/${disk}`
  if (!existsSync(folder)) return false
  return readTextIfThere(`${folder}/removable`)?.trim() === '1' || /\/usb\d+\//.test(realpathSync(folder))
}

function filesystemIfReadable(device: string): Filesystem | undefined {
  try {
    return filesystemOn(device)
  } catch {
    return undefined // an empty card reader, or a stick that was just pulled
  }
}
