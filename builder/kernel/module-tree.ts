import { constants, copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { run } from '../os/run.ts'
import type { ModuleClosure } from './module-closure.ts'
import { isPackedModule, unpackedPath, unpackModule } from './packed-modules.ts'
import { checkAgainstDepmod, formatModulesDep, sortModulesAlias } from './modules-dep.ts'

/** What busybox modprobe reads; depmod's other files (the .bin indexes of kmod, modules.symbols, modules.devname …) are left out. */
const READ_BY_BUSYBOX = new Set(['kernel', 'modules.dep', 'modules.alias', 'modules.builtin'])

/**
 * Makes `folder`, to become /usr/lib/modules/VERSION, with the modules of a closure and the indexes busybox modprobe reads.
 * depmod runs on these modules only; its modules.dep is checked against the closure and then replaced by one with the softdeps.
 * Modules in .zst and .gz are unpacked, for neither busybox modprobe nor every depmod can read them.
 */
export async function writeModuleTree(
  asBuilt: ModuleClosure, sourceTree: string, folder: string, version: string, signal: AbortSignal,
): Promise<void> {
  const closure = { ...asBuilt, modules: asBuilt.modules.map((module) => ({ ...module, path: unpackedPath(module.path) })) }
  // depmod insists on a tree at BASE/lib/modules/VERSION.
  const base = `${folder}.depmod`
  const tree = join(base, 'lib/modules', version)
  await Promise.all([...new Set(closure.modules.map((module) => dirname(module.path)))].map((path) => mkdir(join(tree, path), { recursive: true })))
  const files = [...asBuilt.modules.map((module) => module.path), 'modules.order', 'modules.builtin', 'modules.builtin.modinfo']
  await Promise.all(files.map((path) => takeFile(join(sourceTree, path), join(tree, path))))
  await run('depmod', ['-b', base, version], { signal })
  checkAgainstDepmod(closure, await readFile(join(tree, 'modules.dep'), 'utf8'))
  await writeFile(join(tree, 'modules.dep'), formatModulesDep(closure))
  await writeFile(join(tree, 'modules.alias'), sortModulesAlias(await readFile(join(tree, 'modules.alias'), 'utf8')))
  const aliases = join(tree, 'modules.alias')
  await writeFile(aliases, reverseLines(await readFile(aliases, 'utf8')))
  for (const file of await readdir(tree)) {
    if (!READ_BY_BUSYBOX.has(file)) await rm(join(tree, file))
  }
  await rename(tree, folder)
  await rm(base, { recursive: true })
}

async function takeFile(from: string, to: string): Promise<void> {
  if (isPackedModule(from)) await writeFile(unpackedPath(to), await unpackModule(from))
  else await copyFile(from, to, constants.COPYFILE_FICLONE)
}

/**
 * busybox modprobe loads the last match first, depmod writes the one to prefer first: of two drivers for a USB card that would be
 * cdc_subset, which makes up a MAC address, instead of cdc_ether.
 */
function reverseLines(text: string): string {
  return `${text.trimEnd().split('\n').toReversed().join('\n')}\n`
}

/** Replaces every NAME.ko.xz of a module tree by NAME.ko, also in modules.dep. */
export async function decompressModules(folder: string, signal: AbortSignal): Promise<void> {
  const files = (await readdir(folder, { recursive: true })).filter((path) => path.endsWith('.ko.xz'))
  if (files.length > 0) await run('xz', ['-d', ...files.map((path) => join(folder, path))], { signal })
  const index = join(folder, 'modules.dep')
  await writeFile(index, (await readFile(index, 'utf8')).replaceAll(/\.ko\.xz\b/g, '.ko'))
}
