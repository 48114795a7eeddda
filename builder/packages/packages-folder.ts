import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { EXIT, PlumpError } from '../errors.ts'
import { packageBaseName, parsePackageList, type PackageLine } from '../../schema/package-list.ts'
import { PROJECT_FOLDER } from '../version.ts'
import type { PlumpYaml } from '../../schema/plump-yaml.ts'

/** Where add-on packages lie: `packages.folder`, relative to the file that says it, else packages/ of the checkout. */
export function packagesFolder(config: PlumpYaml, configFile: string | undefined): string {
  const { folder } = config.packages
  return folder === undefined ? join(PROJECT_FOLDER, 'packages') : resolve(dirname(configFile ?? join(PROJECT_FOLDER, 'plump.yaml')), folder)
}

export interface PackagesFolder {
  folder: string
  /** Text of the list, undefined when there is none. */
  listText: string | undefined
  lines: PackageLine[]
  /** Archives that lie in the folder, sorted. */
  archives: string[]
}

/**
 * Reads the folder and its list. Throws PACKAGE_LIST for lines that cannot be read, and PACKAGE_MISSING for a line that names an archive
 * of the medium that is not in the folder.
 */
export async function readPackagesFolder(folder: string): Promise<PackagesFolder> {
  const listText = await readFile(join(folder, 'list'), 'utf8').catch(ifMissing(undefined))
  const archives = (await readdir(folder).catch(ifMissing<string[]>([]))).filter((name) => packageBaseName(name) !== undefined).toSorted()
  const { lines, problems } = parsePackageList(listText ?? '')
  if (problems.length > 0) {
    throw new PlumpError('PACKAGE_LIST', problems.map(({ line, text, why }) => `${join(folder, 'list')}:${line}: ${text}: ${why}`).join('\n'), {
      fix: 'correct the lines above; docs/guide/packages.md tells their forms', exitCode: EXIT.usage,
    })
  }
  const absent = lines.filter(({ form, name }) => form === 'cdrom' && !archives.includes(name))
  if (absent.length > 0) {
    throw new PlumpError('PACKAGE_MISSING', absent.map(({ line, source }) => `${join(folder, 'list')}:${line}: ${source} is not in ${folder}`).join('\n'), {
      fix: './plump package add FILE puts one there; ./plump package remove NAME takes the line out', exitCode: EXIT.usage,
    })
  }
  return { folder, listText, lines, archives }
}

/** Names of the archives that go onto the medium, in list order, each once. */
export function carriedArchives({ lines }: PackagesFolder): string[] {
  return [...new Set(lines.filter(({ form }) => form === 'cdrom').map(({ name }) => name))]
}

/** Whether an archive may replace the node's own programs: when any of its lines says so. */
export function mayReplace({ lines }: PackagesFolder, name: string): boolean {
  return lines.some((line) => line.form === 'cdrom' && line.name === name && line.mayReplace)
}


function ifMissing<Value>(value: Value): (error: NodeJS.ErrnoException) => Value {
  return (error) => {
    if (error.code === 'ENOENT') return value
    throw error
  }
}
