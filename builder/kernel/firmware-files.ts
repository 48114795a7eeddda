import { copyFile, mkdir, readdir, readlink, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { run } from '../os/run.ts'
import { shares } from '../os/shares.ts'
import type { FirmwareSelection, FirmwareStock } from './firmware.ts'

const COMPRESSED = /\.(xz|zst)$/

/** Reads what is in a folder of unpacked firmware. Compressed files count under their plain names, as the kernel looks for them. */
export async function readStock(folder: string): Promise<FirmwareStock> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = new Map<string, string>()
  const links = new Map<string, string>()
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name)
    const name = path.slice(folder.length + 1).replace(COMPRESSED, '')
    if (entry.isFile()) files.set(name, COMPRESSED.exec(path)?.[0] ?? '')
    else if (entry.isSymbolicLink()) links.set(name, (await readlink(path)).replace(COMPRESSED, ''))
  }
  return { files, links }
}

/**
 * Copies the chosen firmware from `folder` to `target`, with its links. What is not compressed yet becomes .xz as the kernel can read it
 * (CONFIG_FW_LOADER_COMPRESS_XZ: checked by CRC32, a dictionary it has room for): a tenth smaller than in the squashfs's own blocks.
 */
export async function copyFirmware(
  selection: FirmwareSelection, stock: FirmwareStock, folder: string, target: string, signal: AbortSignal,
): Promise<void> {
  const endingOf = (path: string) => stock.files.get(path) || '.xz'
  for (const path of selection.files) {
    await mkdir(dirname(join(target, path)), { recursive: true })
    const ending = stock.files.get(path) ?? ''
    await copyFile(join(folder, path + ending), join(target, path + ending))
  }
  const plain = selection.files.filter((path) => stock.files.get(path) === '').map((path) => join(target, path))
  // One thread each: with more, the bytes would depend on the number of CPUs.
  await Promise.all(shares(plain).map((files) => run('xz', ['-T1', '--check=crc32', '--lzma2=preset=9,dict=2MiB', ...files], { signal })))
  for (const link of selection.links) {
    const path = join(target, link.path)
    await mkdir(dirname(path), { recursive: true })
    if (link.kind === 'folder') await symlink(link.target, path)
    else await symlink(link.target + endingOf(join(dirname(link.path), link.target)), path + endingOf(join(dirname(link.path), link.target)))
  }
}
