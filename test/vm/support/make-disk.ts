import { truncate, writeFile } from 'node:fs/promises'
import { run } from '../../../builder/os/run.ts'

/** An image of 64 MB for a lab node's disk: one ext4 file system labelled PLUMPDATA, with the files of a folder if there is one. */
export async function makeDisk(image: string, files?: string): Promise<void> {
  await writeFile(image, '')
  await truncate(image, 64 * 1024 * 1024)
  await run('mkfs.ext4', ['-q', '-F', '-L', 'PLUMPDATA', ...(files === undefined ? [] : ['-d', files]), image])
}
