import { lstat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { constants, zstdCompressSync } from 'node:zlib'

/** squashfs compresses blocks of this size, one by one. */
const BLOCK_BYTES = 1 << 20

/** About how many bytes files take in a zstd squashfs: each of their blocks compressed, at a quick level. */
export async function compressedBytes(root: string, files: readonly string[]): Promise<number> {
  let bytes = 0
  for (const file of files) {
    if (!(await lstat(join(root, file))).isFile()) continue
    const content = await readFile(join(root, file))
    for (let start = 0; start < content.length; start += BLOCK_BYTES) {
      const block = content.subarray(start, start + BLOCK_BYTES)
      bytes += zstdCompressSync(block, { params: { [constants.ZSTD_c_compressionLevel]: 1 } }).length
    }
  }
  return bytes
}

/** Scales estimates so that they add up to the real total, whole bytes each; what rounding leaves goes to the largest. */
export function shareOut(total: number, estimates: Readonly<Record<string, number>>): Record<string, number> {
  const entries = Object.entries(estimates).toSorted(([, a], [, b]) => b - a)
  const sum = entries.reduce((bytes, [, estimate]) => bytes + estimate, 0)
  const shares = entries.map(([cause, estimate]): [string, number] => [cause, sum === 0 ? 0 : Math.floor((estimate / sum) * total)])
  const rest = total - shares.reduce((bytes, [, share]) => bytes + share, 0)
  return Object.fromEntries(shares.map(([cause, share], index) => [cause, index === 0 ? share + rest : share]))
}
