import { lstat, readlink } from 'node:fs/promises'
import { basename, join } from 'node:path'

export type CopyrightFile = { kind: 'file'; path: string } | { kind: 'shared'; with: string }

/**
 * Finds the copyright file of an unpacked package: in usr/share/doc/NAME, which may be a link to the folder of another package of the
 * same source (Debian Policy 12.5).
 */
export async function findCopyright(tree: string, name: string): Promise<CopyrightFile | undefined> {
  const folder = join(tree, 'usr/share/doc', name)
  const stat = await lstat(folder).catch(() => undefined)
  if (stat?.isSymbolicLink()) return { kind: 'shared', with: basename(await readlink(folder)) }
  const file = join(folder, 'copyright')
  const fileStat = await lstat(file).catch(() => undefined)
  if (fileStat?.isSymbolicLink()) return { kind: 'shared', with: (await readlink(file)).split('/').at(-2) ?? '' }
  return fileStat?.isFile() ? { kind: 'file', path: file } : undefined
}
