import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { run } from '../os/run.ts'
import { shares } from '../os/shares.ts'
import { parseBuiltin, parseModinfo, type KernelModules, type ModuleInfo } from './module-info.ts'
import { isPackedModule, unpackedPath, unpackModule } from './packed-modules.ts'

/** So many modules lie unpacked at once, about 20 MB. */
const UNPACKED_AT_ONCE = 200

/**
 * Asks `modinfo` about every module below `treeFolder` (a /usr/lib/modules/VERSION), in as many processes as there are
 * CPUs: decompressing them is what takes the time. Modules come sorted by path.
 */
export async function readKernelModules(treeFolder: string, signal: AbortSignal): Promise<KernelModules> {
  const paths = (await readdir(treeFolder, { recursive: true })).filter((path) => /\.ko(\.\w+)?$/.test(path)).toSorted()
  const modules = [
    ...await askModinfo(treeFolder, paths.filter((path) => !isPackedModule(path)), signal),
    ...await readPacked(treeFolder, paths.filter(isPackedModule), signal),
  ]
  const [builtin, builtinModinfo] = await Promise.all(['modules.builtin', 'modules.builtin.modinfo'].map((file) =>
    readFile(join(treeFolder, file), 'utf8')))
  return { modules: modules.toSorted((a, b) => (a.path < b.path ? -1 : 1)), builtin: parseBuiltin(builtin ?? '', builtinModinfo ?? '') }
}

async function askModinfo(folder: string, paths: readonly string[], signal: AbortSignal): Promise<ModuleInfo[]> {
  const texts = await Promise.all(shares(paths).map((share) => run('modinfo', share.map((path) => join(folder, path)), { signal })))
  return texts.flatMap((text) => parseModinfo(text, folder))
}

/** Modules that have to be unpacked to be read, some at a time. */
async function readPacked(treeFolder: string, paths: readonly string[], signal: AbortSignal): Promise<ModuleInfo[]> {
  const modules: ModuleInfo[] = []
  for (let start = 0; start < paths.length; start += UNPACKED_AT_ONCE) {
    const scratch = await mkdtemp(join(tmpdir(), 'plump-modules-'))
    try {
      const original = new Map(paths.slice(start, start + UNPACKED_AT_ONCE).map((path) => [unpackedPath(path), path]))
      await Promise.all([...original].map(async ([plain, path]) => {
        await mkdir(dirname(join(scratch, plain)), { recursive: true })
        await writeFile(join(scratch, plain), await unpackModule(join(treeFolder, path)))
      }))
      const read = await askModinfo(scratch, [...original.keys()], signal)
      modules.push(...read.map((module) => ({ ...module, path: original.get(module.path) ?? module.path })))
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  }
  return modules
}
