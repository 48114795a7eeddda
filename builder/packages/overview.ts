import { join } from 'node:path'
import type { PackageOverview } from '../../schema/add-on-package.ts'
import { PlumpError } from '../errors.ts'
import { inspectArchive } from './inspect-archive.ts'
import { carriedArchives, mayReplace, type PackagesFolder } from './packages-folder.ts'

/** Every line of the list, and every archive that no line names, with what is in it. What replaces a program of the node only a build knows. */
export async function packageOverview(found: PackagesFolder): Promise<PackageOverview> {
  const inspect = async (name: string): Promise<Pick<PackageOverview[number], 'archive' | 'problem'>> => {
    try {
      const archive = await inspectArchive(join(found.folder, name), { lookUp: () => undefined, mayReplace: mayReplace(found, name) })
      const [first] = archive.refused
      return first === undefined ? { archive } : { archive, problem: `${first.entry}: ${first.why}` }
    } catch (error) {
      if (error instanceof PlumpError) return { problem: error.message }
      throw error
    }
  }
  const carried = carriedArchives(found)
  const listed = found.lines.map(async ({ source, form, name, mayReplace: replaces }) => ({
    source, form, name, mayReplace: replaces, ...(form === 'cdrom' ? await inspect(name) : {}),
  }))
  const unlisted = found.archives.filter((name) => !carried.includes(name)).map(async (name) => ({ name, mayReplace: false, ...await inspect(name) }))
  return Promise.all([...listed, ...unlisted])
}

/** The overview as an aligned table. */
export function formatOverview(overview: PackageOverview): string {
  if (overview.length === 0) return 'no add-on packages; ./plump package add FILE puts one in\n'
  const rows = overview.map(({ source, name, mayReplace: replaces, archive, problem }) => [
    source === undefined ? `(not listed) ${name}` : `${replaces ? '!' : ''}${source}`,
    archive?.metadata?.version ?? '-',
    archive === undefined ? '-' : megabytes(archive.bytes),
    archive === undefined ? '-' : `${archive.files} files, ${megabytes(archive.unpackedBytes)}`,
    problem === undefined ? describe(archive) : `PROBLEM: ${problem}`,
  ])
  const all = [['PACKAGE', 'VERSION', 'SIZE', 'UNPACKED', 'WHAT'], ...rows]
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? []
  return all.map((row) => `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()}\n`).join('')
}

function describe(archive: PackageOverview[number]['archive']): string {
  const starts = archive?.starts.map((name) => `starts ${name}`) ?? []
  return [archive?.metadata?.description ?? '', ...starts].filter((text) => text !== '').join('; ')
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
