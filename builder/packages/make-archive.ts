import { lstat, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { create as createTar } from 'tar'
import { EXIT, PlumpError } from '../errors.ts'
import { pathsBelow } from '../pipeline/tree-digest.ts'

/**
 * Packs a folder, whose paths are relative to the node's root, into a .tar.gz: sorted names, one date, owner 0, modes 755 and 644, so
 * that the same files give the same bytes whoever packs them, where and when. Throws PACKAGE_SOURCE for a folder that is none, is empty or holds
 * what a package may not have.
 */
export async function makeArchive(folder: string, file: string, epochSeconds: number): Promise<void> {
  const paths = await packablePaths(folder)
  const pack = createTar({ cwd: folder, portable: true, mtime: new Date(epochSeconds * 1000), noDirRecurse: true, onWriteEntry: (entry) => {
    if (!entry.stat) return
    const plain = entry.stat.isDirectory() || (entry.stat.mode & 0o111) !== 0 ? 0o755 : 0o644
    Object.assign(entry.stat, { uid: 0, gid: 0, mode: (entry.stat.mode & ~0o7777) | plain, nlink: 1 })
  } }, paths)
  const chunks: Buffer[] = []
  for await (const chunk of pack) chunks.push(chunk as Buffer)
  const aside = `${file}.${process.pid}`
  try {
    // Node writes no file name and no date into the gzip header.
    await writeFile(aside, gzipSync(Buffer.concat(chunks), { level: 9 }))
    await rename(aside, file)
  } finally {
    await rm(aside, { force: true })
  }
}

async function packablePaths(folder: string): Promise<string[]> {
  const isFolder = await lstat(folder).then((stat) => stat.isDirectory(), () => false)
  if (!isFolder) throw sourceError(`${folder} is no folder`, 'name the folder that holds the files as they are to lie below / on a node')
  const paths = await pathsBelow(folder)
  if (paths.length === 0) throw sourceError(`${folder} is empty`, 'put the files there as they are to lie below / on a node, as in usr/bin/hello')
  for (const path of paths) {
    const stat = await lstat(join(folder, path))
    if (!stat.isFile() && !stat.isDirectory() && !stat.isSymbolicLink()) throw sourceError(`${join(folder, path)} is neither file, folder nor link`, `take ${basename(path)} out of the folder`)
  }
  return paths
}

function sourceError(message: string, fix: string): PlumpError {
  return new PlumpError('PACKAGE_SOURCE', message, { fix, exitCode: EXIT.usage })
}
