import { promises as fs } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ArchiveEntry, Placement } from '../../schema/package-rules.ts'

/**
 * Puts one entry where the rules said. Everything belongs to root, as all of the node does; of somebody else's file that runs as its
 * owner, that bit is dropped. Folders that are there keep what they are.
 */
export async function placeEntry(root: string, entry: ArchiveEntry, place: Extract<Placement, { state: 'placed' }>, body: AsyncIterable<Uint8Array>): Promise<void> {
  const target = join(root, place.path)
  await fs.mkdir(dirname(target), { recursive: true })
  if (entry.kind === 'folder') {
    await fs.mkdir(target, { recursive: true })
    await fs.chmod(target, entry.mode & 0o1777)
    return
  }
  // A program that runs keeps its file; the new one is another file of that name.
  await fs.rm(target, { force: true })
  if (entry.kind === 'link') await fs.symlink(place.target, target)
  else if (entry.kind === 'hard link') await fs.link(join(root, place.target), target)
  else await writeFile(target, entry, body)
}

async function writeFile(target: string, entry: ArchiveEntry, body: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await fs.open(target, 'wx', 0o600)
  try {
    for await (const chunk of body) await file.writeFile(chunk)
    await file.chmod(entry.uid === 0 && entry.gid === 0 ? entry.mode & 0o7777 : entry.mode & 0o1777)
    await file.utimes(entry.mtimeSeconds, entry.mtimeSeconds)
  } finally {
    await file.close()
  }
}
