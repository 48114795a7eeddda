import { copyFile, mkdir, readdir, readlink, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { run } from '../os/run.ts'
import type { FirmwareSelection, FirmwareStock } from './firmware.ts'

const COMPRESSED = /\.(xz|zst)$/

/** Reads what is in a folder of unpacked firmware. Compressed files count under their plain names, as the kernel looks for them. */
export async function readStock(folder: string): Promise<FirmwareStock> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const pathOf = (entry: { parentPath: string; name: string }) => join(entry.parentPath, entry.name).slice(folder.length + 1)
  const files = entries.filter((entry) => entry.isFile()).map((entry) => pathOf(entry).replace(COMPRESSED, ''))
  const links = await Promise.all(entries.filter((entry) => entry.isSymbolicLink()).map(async (entry) =>
    [pathOf(entry).replace(COMPRESSED, ''), (await readlink(join(entry.parentPath, entry.name))).replace(COMPRESSED, '')] as const))
  return { files: new Set(files), links: new Map(links) }
}

/**
 * Copies the chosen firmware from `folder` to `target`, every file compressed as the kernel can read it (CONFIG_FW_LOADER_COMPRESS_XZ:
 * CRC32 and a dictionary the kernel has room for), links beside them.
 */
export async function copyFirmware(selection: FirmwareSelection, folder: string, target: string, signal: AbortSignal): Promise<void> {
  const plain: string[] = []
  for (const path of selection.files) {
    await mkdir(dirname(join(target, path)), { recursive: true })
    const source = await firstThatWorks(['.xz', '.zst', ''].map((ending) => async () => {
      await copyFile(join(folder, path + ending), join(target, path + ending))
      return ending
    }))
    if (source === '') plain.push(join(target, path))
  }
  // One thread a file: with more, the bytes would depend on the number of CPUs.
  if (plain.length > 0) await run('xz', ['-T1', '--check=crc32', '--lzma2=preset=9,dict=2MiB', ...plain], { signal })
  for (const { path, target: to } of selection.links) {
    await mkdir(dirname(join(target, path)), { recursive: true })
    await symlink(`${to}.xz`, join(target, `${path}.xz`))
  }
}
