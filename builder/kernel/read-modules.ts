import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../os/run.ts'
import { shares } from '../os/shares.ts'
import { parseBuiltin, parseModinfo, type KernelModules } from './module-info.ts'

/**
 * Asks `modinfo` about every module below `treeFolder` (a /usr/lib/modules/VERSION), in as many processes as there are
 * CPUs: decompressing them is what takes the time. Modules come sorted by path.
 */
export async function readKernelModules(treeFolder: string, signal: AbortSignal): Promise<KernelModules> {
  const paths = (await readdir(treeFolder, { recursive: true })).filter((path) => /\.ko(\.\w+)?$/.test(path)).toSorted()
  const texts = await Promise.all(shares(paths).map((share) => run('modinfo', share.map((path) => join(treeFolder, path)), { signal })))
  const [builtin, builtinModinfo] = await Promise.all(['modules.builtin', 'modules.builtin.modinfo'].map((file) =>
    readFile(join(treeFolder, file), 'utf8')))
  return {
    modules: texts.flatMap((text) => parseModinfo(text, treeFolder)).toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    builtin: parseBuiltin(builtin ?? '', builtinModinfo ?? ''),
  }
}
