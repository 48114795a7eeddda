import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { filesystemOn, withMounted } from '../os/media.ts'

/** Looks for a key file on disks and sticks, without ever writing to one. */

const KEY_FILES = ['plump/cluster.key', 'plump.key'] as const
const MAX_KEY_FILE_BYTES = 4_096

export interface KeyFile {
  /** As in `sdb1:/plump.key`. */
  where: string
  text: string
}

/** The key file on one device, undefined when there is none. Mounts it read-only at `mountFolder`, looks and unmounts. Throws when mounting fails. */
export async function keyFileOn(device: string, mountFolder: string): Promise<KeyFile | undefined> {
  const filesystem = filesystemOn(device)
  if (!filesystem) return undefined
  return withMounted(device, filesystem, mountFolder, () => {
    const found = KEY_FILES.find((file) => {
      const stats = statSync(join(mountFolder, file), { throwIfNoEntry: false })
      return stats?.isFile() === true && stats.size <= MAX_KEY_FILE_BYTES
    })
    return found === undefined ? undefined : { where: `${device}:/${found}`, text: readFileSync(join(mountFolder, found), 'utf8') }
  })
}
