import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileSha256, pathsBelow } from '../pipeline/tree-digest.ts'

/** A file of the medium: where it goes, relative to its top, and where it is on the build machine. */
export interface MediumFile {
  path: string
  source: string
}

/** The result folders of the steps that make the large files of a medium. */
export interface LargeFileFolders {
  kernels: readonly { name: string; kernel: string; initramfs: string; modules: string }[]
  firmware: string
  root: string
  agent: string
}

export function largeFiles(folders: LargeFileFolders): MediumFile[] {
  return [
    ...folders.kernels.flatMap(({ name, kernel, initramfs, modules }) => [
      { path: `kernels/${name}/bzImage`, source: join(kernel, 'bzImage') },
      { path: `kernels/${name}/initrd`, source: join(initramfs, 'initrd') },
      { path: `kernels/${name}/modules.sqfs`, source: join(modules, 'modules.sqfs') },
    ]),
    { path: 'live/firmware.sqfs', source: join(folders.firmware, 'firmware.sqfs') },
    { path: 'live/root.sqfs', source: join(folders.root, 'root.sqfs') },
    { path: 'live/agent.tar.gz', source: join(folders.agent, 'agent.tar.gz') },
  ]
}

/** Every file below a folder, at the same path on the medium. */
export async function filesBelow(folder: string): Promise<MediumFile[]> {
  const paths = await pathsBelow(folder)
  const files = await Promise.all(paths.map(async (path) => ((await stat(join(folder, path))).isFile() ? [{ path, source: join(folder, path) }] : [])))
  return files.flat()
}

export interface ManifestLine {
  path: string
  sha256: string
  bytes: number
}

/** What /plump/manifest says of each of the given files. */
export async function describeFiles(files: readonly MediumFile[]): Promise<ManifestLine[]> {
  return await Promise.all(files.map(async ({ path, source }) => ({ path, sha256: await fileSha256(source), bytes: (await stat(source)).size })))
}

export function describeText(path: string, text: string): ManifestLine {
  return { path, sha256: createHash('sha256').update(text).digest('hex'), bytes: Buffer.byteLength(text) }
}

/** Reads the lines of a manifest. Throws nothing: what is no such line is left out. */
export function parseManifest(text: string): ManifestLine[] {
  return [...text.matchAll(/^([0-9a-f]{64}) {2}(\d+) {2}(.+)$/gm)].map(([, sha256 = '', bytes, path = '']) => ({ sha256, bytes: Number(bytes), path }))
}

/** `SHA256  SIZE  PATH` lines, sorted by path; the initramfs checks the medium against them. */
export function formatManifest(lines: readonly ManifestLine[]): string {
  return lines.toSorted((a, b) => (a.path < b.path ? -1 : 1)).map(({ sha256, bytes, path }) => `${sha256}  ${bytes}  ${path}\n`).join('')
}
