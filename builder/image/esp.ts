import { copyFile, mkdir, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../os/run.ts'

/** mtools needs a geometry to format an image file; nothing else looks at it. A cylinder is 32 KiB, so that little is wasted at the end. */
const HEADS = 2
const SECTORS_PER_TRACK = 32
const SECTOR_BYTES = 512
/** Room for the two tables of a FAT12 of this size, the root folder, and half a cluster a file and folder. */
const OVERHEAD_BYTES = 48 * 1024

export interface EspFile {
  /** With forward slashes, as in `EFI/BOOT/BOOTX64.EFI`; its folders are made. */
  path: string
  source: string
}

/** Writes a FAT image with the given files: fixed serial number, every time stamp `epochSeconds`. */
export async function makeEsp(file: string, files: readonly EspFile[], epochSeconds: number, scratch: string, signal: AbortSignal): Promise<void> {
  // mtools takes "now" for folders from SOURCE_DATE_EPOCH and, with -m, file times from the files.
  const env = { SOURCE_DATE_EPOCH: String(epochSeconds), MTOOLS_SKIP_CHECK: '1' }
  await writeFile(file, '')
  const sectors = await sectorsFor(files)
  await truncate(file, sectors * SECTOR_BYTES)
  await run('mformat', ['-i', file, '-T', String(sectors), '-h', String(HEADS), '-s', String(SECTORS_PER_TRACK), '-N', '0', '::'], { env, signal })
  const folders = new Set(files.flatMap(({ path }) => path.split('/').slice(0, -1).map((_part, depth, parts) => parts.slice(0, depth + 1).join('/'))))
  for (const folder of folders) await run('mmd', ['-i', file, `::/${folder}`], { env, signal })
  await mkdir(scratch, { recursive: true })
  for (const [position, { path, source }] of files.entries()) {
    const copy = join(scratch, String(position))
    await copyFile(source, copy)
    await utimes(copy, epochSeconds, epochSeconds)
    await run('mcopy', ['-m', '-i', file, copy, `::/${path}`], { env, signal })
  }
  await rm(scratch, { recursive: true })
}

/** The size of the partition, in whole cylinders. */
async function sectorsFor(files: readonly EspFile[]): Promise<number> {
  const sizes = await Promise.all(files.map(async ({ source }) => (await stat(source)).size))
  const bytes = sizes.reduce((sum, size) => sum + size, OVERHEAD_BYTES)
  const cylinder = HEADS * SECTORS_PER_TRACK
  return Math.ceil(bytes / SECTOR_BYTES / cylinder) * cylinder
}
