import { utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { create as createTar } from 'tar'
import { pathsBelow } from '../pipeline/tree-digest.ts'

/** A tar of a folder with sorted names, one date and owner 0. Changes the dates of the files in it. */
export async function packTree(tree: string, epochSeconds: number): Promise<Buffer> {
  const paths = await pathsBelow(tree)
  for (const path of paths) await utimes(join(tree, path), epochSeconds, epochSeconds)
  const chunks: Buffer[] = []
  const pack = createTar({ cwd: tree, portable: true, mtime: new Date(epochSeconds * 1000), noDirRecurse: true, onWriteEntry: (entry) => {
    if (entry.stat) Object.assign(entry.stat, { uid: 0, gid: 0 })
  } }, paths)
  for await (const chunk of pack) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
