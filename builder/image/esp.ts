import { mkdir, copyFile, rm, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../os/run.ts'

/** Heads, sectors per track and size of the partition. mtools needs a geometry to format an image file; 12288 sectors are 6 MiB. */
const GEOMETRY = { sectors: 12_288, heads: 16, sectorsPerTrack: 32 }

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
  await truncate(file, GEOMETRY.sectors * 512)
  await run('mformat', ['-i', file, '-T', String(GEOMETRY.sectors), '-h', String(GEOMETRY.heads), '-s', String(GEOMETRY.sectorsPerTrack), '-N', '0', '::'], { env, signal })
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
