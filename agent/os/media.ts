import { closeSync, mkdirSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { readTextIfThere } from './files.ts'
import { run } from './run.ts'

/** Disks and sticks, as something to read a file from or to write one to. */

const MAX_DEVICES = 256
const HEAD_BYTES = 36 * 1024
/** Not media: made of memory or of other devices. */
const NOT_MEDIA = /^(loop|ram|zram|dm-|md|nbd|fd)\d/

export type Filesystem = 'vfat' | 'exfat' | 'iso9660' | 'ext4'
/** The character sets are those Debian's kernel has FAT use by default; ext4 must not replay its journal when it is only read, which would be a write. */
const MOUNTING: Record<Filesystem, { modules: readonly string[]; readOnly: string }> = {
  vfat: { modules: ['vfat', 'nls_cp437', 'nls_ascii'], readOnly: 'ro' },
  exfat: { modules: ['exfat'], readOnly: 'ro' },
  iso9660: { modules: ['isofs'], readOnly: 'ro' },
  ext4: { modules: ['ext4'], readOnly: 'ro,noload' },
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

/** The filesystem on a device such as `sdb1`. Throws what open(2) throws. */
export function filesystemOn(device: string): Filesystem | undefined {
  const head = new Uint8Array(HEAD_BYTES)
  const file = openSync(`/dev/${device}`, 'r')
  try {
    readSync(file, head, 0, head.length, 0)
    return filesystemOf(head)
  } finally {
    closeSync(file)
  }
}

/** Mounts a device at `folder` while `use` runs, read-only unless said otherwise. Throws when mounting fails, and what `use` throws. */
export async function withMounted<Result>(
  device: string, filesystem: Filesystem, folder: string, use: () => Result | Promise<Result>, access: 'read' | 'write' = 'read',
): Promise<Result> {
  const { modules, readOnly } = MOUNTING[filesystem]
  // One that is built in or absent makes modprobe fail; the mount tells which.
  for (const name of modules) await run('modprobe', [name]).catch(() => undefined)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  await run('mount', ['-t', filesystem, '-o', `${access === 'read' ? readOnly : 'rw'},nosuid,nodev,noexec`, `/dev/${device}`, folder])
  try {
    return await use()
  } finally {
    await run('umount', [folder], 120_000)
  }
}
