import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { CpioEntry } from './cpio.ts'

export interface InitramfsSources {
  /** The static busybox program. */
  busybox: string
  /** The folder with `init` and `lib/`. */
  scripts: string
  /** The module tree, to become /lib/modules/VERSION. */
  modules: string
  version: string
  /** Its folder in /kernels of the medium. */
  kernelName: string
}

/** Everything in the initramfs, with the folders it lies in. Modes are set here, not taken from the files. */
export async function initramfsEntries(sources: InitramfsSources): Promise<CpioEntry[]> {
  const file = async (path: string, source: string, mode: number): Promise<CpioEntry> => ({ kind: 'file', path, mode, data: await readFile(source) })
  const libraries = (await readdir(join(sources.scripts, 'lib'))).toSorted()
  const modules = (await readdir(sources.modules, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(sources.modules.length + 1))
  const entries: CpioEntry[] = [
    await file('init', join(sources.scripts, 'init'), 0o755),
    await file('bin/busybox', sources.busybox, 0o755),
    { kind: 'link', path: 'bin/sh', target: 'busybox' },
    // The kernel asks for file systems and character sets by this name.
    { kind: 'link', path: 'sbin/modprobe', target: '../bin/busybox' },
    { kind: 'file', path: 'lib/plump/kernel-name', mode: 0o644, data: Buffer.from(`${sources.kernelName}\n`) },
    // The kernel opens the console before /init can mount a /dev.
    { kind: 'character-device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
    { kind: 'character-device', path: 'dev/null', mode: 0o666, major: 1, minor: 3 },
    ...await Promise.all(libraries.map((name) => file(`lib/plump/${name}`, join(sources.scripts, 'lib', name), 0o644))),
    ...await Promise.all(modules.map((path) => file(`lib/modules/${sources.version}/${path}`, join(sources.modules, path), 0o644))),
  ]
  return [...foldersOf([...entries.map((entry) => entry.path), ...mediumFiles(sources.kernelName)]), ...entries]
}

/** Boot loaders that fetch the medium file by file over the network put each into /medium, and not all of them make its folders. */
function mediumFiles(kernelName: string): string[] {
  return ['live', 'plump', 'packages', `kernels/${kernelName}`].map((folder) => `medium/${folder}/file`)
}

/** Every folder above the given paths, as entries. */
export function foldersOf(paths: readonly string[]): CpioEntry[] {
  const folders = new Set<string>()
  for (const path of paths) {
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) folders.add(folder)
  }
  return [...folders].map((path) => ({ kind: 'folder', path, mode: 0o755 }))
}
