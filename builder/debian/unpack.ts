import { chmod, lstat, mkdir, rename, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { PlumpError } from '../errors.ts'
import { buildRun } from '../pipeline/build-run.ts'
import { pathsBelow } from '../pipeline/tree-digest.ts'
import type { Build } from '../pipeline/build.ts'
import { whyLeftOut } from './unpack-filter.ts'

/** Merged /usr: these are links in the root, as in every Debian since 12. */
const MERGED_FOLDERS = ['bin', 'sbin', 'lib', 'lib64'] as const

/** Makes an empty root with merged /usr. */
export async function makeRoot(root: string): Promise<void> {
  for (const name of MERGED_FOLDERS) {
    await mkdir(join(root, 'usr', name), { recursive: true })
    await symlink(`usr/${name}`, join(root, name))
  }
}

/** What one package put into the root. */
export interface Unpacked {
  files: string[]
  bytes: number
}

/**
 * Unpacks a package into `root` as the calling user, without its maintainer scripts and without what
 * {@link whyLeftOut} names. `tree` is a folder to make and remove, on the same file system. Throws PATH_CLASH when another
 * package brought the same file.
 */
export async function unpackPackage(build: Build, name: string, deb: string, root: string, tree: string): Promise<Unpacked> {
  await mkdir(tree)
  await buildRun(build, 'dpkg-deb', ['-x', deb, tree])
  const unpacked: Unpacked = { files: [], bytes: 0 }
  for (const path of await pathsBelow(tree)) {
    const from = join(tree, path)
    const stat = await lstat(from)
    if (stat.isDirectory() || whyLeftOut(path, name) !== undefined) continue
    const target = mergedPath(path)
    await moveNew(from, join(root, target))
    if (stat.isFile()) await chmod(join(root, target), stat.mode & 0o111 ? 0o755 : 0o644)
    unpacked.files.push(target)
    unpacked.bytes += stat.isFile() ? stat.size : 0
  }
  await rm(tree, { recursive: true })
  return unpacked
}

/** Where a path of a package lies in a root with merged /usr. */
export function mergedPath(path: string): string {
  const [first] = path.split('/')
  return MERGED_FOLDERS.some((name) => name === first) ? `usr/${path}` : path
}

/** Moves a file into a root. Throws PATH_CLASH when one is there. */
export async function moveNew(from: string, to: string): Promise<void> {
  if (await lstat(to).catch(() => undefined)) {
    throw new PlumpError('PATH_CLASH', `two packages bring ${to}`, { fix: 'leave one of them out in builder/debian/unpack-filter.ts' })
  }
  await mkdir(dirname(to), { recursive: true })
  await rename(from, to)
}
