import { createHash } from 'node:crypto'
import { lstat, open, readdir, readlink } from 'node:fs/promises'
import { join, relative } from 'node:path'

const READ_BYTES = 1 << 20

/** SHA-256 of a file in hexadecimal. */
export async function fileSha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  const file = await open(path)
  try {
    // One buffer, used again and again: a stream makes a new one per chunk, and collecting them took longer than hashing.
    const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, Math.max(1, (await file.stat()).size)))
    for (let read = await file.read(buffer); read.bytesRead > 0; read = await file.read(buffer)) hash.update(buffer.subarray(0, read.bytesRead))
  } finally {
    await file.close()
  }
  return hash.digest('hex')
}

/**
 * SHA-256 over everything in a folder that can matter to a reader: each path with its kind, permission bits, and contents
 * (link targets for links). Owners and times are left out: steps never record them from the file system.
 */
export async function treeDigest(folder: string): Promise<string> {
  const hash = createHash('sha256')
  for (const path of await pathsBelow(folder)) {
    const full = join(folder, path)
    const stat = await lstat(full)
    const mode = (stat.mode & 0o7777).toString(8)
    if (stat.isSymbolicLink()) hash.update(`link ${path}\0${await readlink(full)}\n`)
    else if (stat.isDirectory()) hash.update(`folder ${path}\0${mode}\n`)
    else if (stat.isFile()) hash.update(`file ${path}\0${mode} ${stat.size} ${await fileSha256(full)}\n`)
    else throw new Error(`${full} is neither file, folder nor link; a step's result holds nothing else`)
  }
  return hash.digest('hex')
}

/** Every path below a folder, relative to it, sorted by code unit so that the order is the same everywhere. Links are not followed. */
export async function pathsBelow(folder: string): Promise<string[]> {
  // readdir's own `recursive` without file types follows links to folders, as of Node 24.
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.map((entry) => relative(folder, join(entry.parentPath, entry.name))).toSorted((a, b) => (a < b ? -1 : 1))
}
