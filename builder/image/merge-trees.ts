import { chmod, copyFile, link, lstat, mkdir, readdir, readlink, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Lays trees over each other in `target`; of two files with one path the later tree's stays. Files are hard links where the file system
 * allows it, so the result must not be written to. Folders get the mode of the last tree that has them.
 */
export async function mergeTrees(trees: readonly string[], target: string): Promise<void> {
  await mkdir(target, { recursive: true })
  for (const tree of trees) await layOver(tree, target)
}

async function layOver(tree: string, target: string): Promise<void> {
  for (const entry of await readdir(tree, { withFileTypes: true })) {
    const from = join(tree, entry.name)
    const to = join(target, entry.name)
    if (entry.isDirectory()) {
      await makeFolder(from, to)
      await layOver(from, to)
      continue
    }
    await rm(to, { force: true })
    if (entry.isSymbolicLink()) await symlink(await readlink(from), to)
    else await link(from, to).catch(() => copyFile(from, to))
  }
}

/** Where an earlier tree has a link to a folder (merged /usr: bin -> usr/bin), the later tree's files go to where it points. */
async function makeFolder(from: string, to: string): Promise<void> {
  const before = await lstat(to).catch(() => undefined)
  if (before?.isSymbolicLink()) return
  await mkdir(to, { recursive: true })
  await chmod(to, (await lstat(from)).mode & 0o7777)
}
