import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gunzip, zstdDecompress } from 'node:zlib'

/**
 * Modules in .zst and .gz. busybox modprobe cannot read the former, and many builds of kmod not the latter, so the build unpacks both; .xz is
 * what Debian has, and everything can read it.
 */
const PACKED = /\.ko\.(gz|zst)$/

const unpackers = { gz: promisify(gunzip), zst: promisify(zstdDecompress) }

/** Whether a module has to be unpacked before anything can read it. */
export function isPackedModule(path: string): boolean {
  return PACKED.test(path)
}

/** The path without the ending of such a compression; others stay as they are. */
export function unpackedPath(path: string): string {
  return path.replace(PACKED, '.ko')
}

/** The contents of a packed module. */
export async function unpackModule(file: string): Promise<Buffer> {
  return unpackers[PACKED.exec(file)?.[1] === 'gz' ? 'gz' : 'zst'](await readFile(file))
}
