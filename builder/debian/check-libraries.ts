import { lstat, open, readFile, realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { PlumpError } from '../errors.ts'
import { pathsBelow } from '../pipeline/tree-digest.ts'
import { elfNeeds, type ElfNeeds } from './elf.ts'

/** Where the dynamic linker looks without a cache file, on amd64 Debian (ld.so(8)). */
const LIBRARY_FOLDERS = ['usr/lib/x86_64-linux-gnu', 'usr/lib']

export interface RootProgram {
  /** Path in the root. */
  path: string
  needs: ElfNeeds
}

/** Every dynamically linked program and library below `root`. */
export async function dynamicPrograms(root: string): Promise<RootProgram[]> {
  const programs: RootProgram[] = []
  for (const path of await pathsBelow(root)) {
    const full = join(root, path)
    if (!(await lstat(full)).isFile() || !(await startsAsElf(full))) continue
    const needs = elfNeeds(await readFile(full))
    if (needs) programs.push({ path, needs })
  }
  return programs
}

async function startsAsElf(file: string): Promise<boolean> {
  const handle = await open(file)
  try {
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0)
    return buffer.readUInt32BE(0) === 0x7f454c46
  } finally {
    await handle.close()
  }
}

/** Paths of the root's libraries by the name programs ask for, links followed within the root's folders. */
export async function librariesByName(root: string): Promise<Map<string, string>> {
  const libraries = new Map<string, string>()
  for (const folder of LIBRARY_FOLDERS) {
    for (const path of await pathsBelow(join(root, folder)).catch(() => [])) {
      if (dirname(path) !== '.') continue
      const target = await realpath(join(root, folder, path)).catch(() => undefined)
      if (target !== undefined && (await lstat(target)).isFile()) libraries.set(basename(path), join(folder, basename(target)))
    }
  }
  return libraries
}

/** `PROGRAM needs LIBRARY` for each library that is asked for and not there. */
export function missingLibraries(programs: readonly RootProgram[], libraries: Pick<ReadonlyMap<string, string>, 'has'>): string[] {
  return programs.flatMap(({ path, needs }) => needs.libraries.filter((name) => !libraries.has(name)).map((name) => `/${path} needs ${name}`))
}

/**
 * The libraries nobody in the root asks for, of those it has. Throws LIBRARY_MISSING, naming program and library, when one that is
 * asked for is not there. `loaded` are names that programs open by themselves, with dlopen.
 */
export function checkLibraries(programs: readonly RootProgram[], libraries: ReadonlyMap<string, string>, loaded: readonly string[]): string[] {
  const missing = missingLibraries(programs, libraries)
  if (missing.length > 0) {
    throw new PlumpError('LIBRARY_MISSING', `a library is missing in the root; the program would not start\n${missing.join('\n')}`, {
      fix: 'add its package to builder/debian/root-packages.ts, or take it out of builder/debian/unpack-filter.ts',
    })
  }
  const interpreters = programs.flatMap(({ needs }) => (needs.interpreter === undefined ? [] : [basename(needs.interpreter)]))
  const asked = new Set([...programs.flatMap(({ needs }) => needs.libraries), ...interpreters, ...loaded].map((name) => libraries.get(name) ?? name))
  return [...new Set(libraries.values())].filter((path) => !asked.has(path)).toSorted()
}
