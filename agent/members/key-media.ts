import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { readTextIfThere } from '../os/files.ts'
import { run } from '../os/run.ts'

/** Looks for a key file on disks and sticks, without ever writing to one. */

const KEY_FILES = ['plump/cluster.key', 'plump.key'] as const
const MAX_KEY_FILE_BYTES = 4_096
const MAX_DEVICES = 256
const HEAD_BYTES = 36 * 1024
/** Not media: made of memory or of other devices. */
const NOT_MEDIA = /^(loop|ram|zram|dm-|md|nbd|fd)\d/

export interface KeyFile {
  /** As in `sdb1:/plump.key`. */
  where: string
  text: string
}

type Filesystem = 'vfat' | 'exfat' | 'iso9660' | 'ext4'
/** The character sets are those Debian's kernel has FAT use by default; ext4 must not replay its journal, which would be a write. */
const MOUNTING: Record<Filesystem, { modules: readonly string[]; options: string }> = {
  vfat: { modules: ['vfat', 'nls_cp437', 'nls_ascii'], options: 'ro' },
  exfat: { modules: ['exfat'], options: 'ro' },
  iso9660: { modules: ['isofs'], options: 'ro' },
  ext4: { modules: ['ext4'], options: 'ro,noload' },
}

/** Names of the disks and partitions present, as in `sdb1`. */
export function blockDevices(sysBlockFolder = '/sys/class/block'): string[] {
  const names = statSync(sysBlockFolder, { throwIfNoEntry: false }) ? readdirSync(sysBlockFolder) : []
  return names.filter((name) => !NOT_MEDIA.test(name) && Number(readTextIfThere(join(sysBlockFolder, name, 'size'))) > 0).sort().slice(0, MAX_DEVICES)
}

/** Which filesystem a device holds, by the marks in its first 36 KiB; undefined for any that no stick would have. */
export function filesystemOf(head: Uint8Array): Filesystem | undefined {
  const text = (start: number, length: number): string => Buffer.from(head.subarray(start, start + length)).toString('latin1')
  if (text(3, 8) === 'EXFAT   ') return 'exfat'
  if (head[510] === 0x55 && head[511] === 0xaa && (text(54, 3) === 'FAT' || text(82, 5) === 'FAT32')) return 'vfat'
  if (text(32_769, 5) === 'CD001') return 'iso9660'
  return head[1080] === 0x53 && head[1081] === 0xef ? 'ext4' : undefined
}

/** The key file on one device, undefined when there is none. Mounts it read-only at `mountFolder`, looks and unmounts. Throws when mounting fails. */
export async function keyFileOn(device: string, mountFolder: string): Promise<KeyFile | undefined> {
  const filesystem = filesystemOf(readHead(`/dev/${device}`))
  if (!filesystem) return undefined
  const { modules, options } = MOUNTING[filesystem]
  // One that is built in or absent makes modprobe fail; the mount tells which.
  for (const name of modules) await run('modprobe', [name]).catch(() => undefined)
  mkdirSync(mountFolder, { recursive: true, mode: 0o700 })
  await run('mount', ['-t', filesystem, '-o', `${options},nosuid,nodev,noexec`, `/dev/${device}`, mountFolder])
  try {
    const found = KEY_FILES.find((file) => {
      const stats = statSync(join(mountFolder, file), { throwIfNoEntry: false })
      return stats?.isFile() === true && stats.size <= MAX_KEY_FILE_BYTES
    })
    return found === undefined ? undefined : { where: `${device}:/${found}`, text: readFileSync(join(mountFolder, found), 'utf8') }
  } finally {
    await run('umount', [mountFolder])
  }
}

function readHead(path: string): Uint8Array {
  const head = new Uint8Array(HEAD_BYTES)
  const file = openSync(path, 'r')
  try {
    readSync(file, head, 0, head.length, 0)
    return head
  } finally {
    closeSync(file)
  }
}
