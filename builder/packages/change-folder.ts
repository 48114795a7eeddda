import { copyFile, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { PACKAGE_ENDINGS, packageBaseName } from '../../schema/package-list.ts'
import { EXIT, PlumpError } from '../errors.ts'
import { withoutPackage, withPackage } from './edit-list.ts'
import { assertAccepted, inspectArchive } from './inspect-archive.ts'
import { makeArchive } from './make-archive.ts'
import { readPackagesFolder } from './packages-folder.ts'

/** The archive to add: `source` itself, or, when it is a folder, a NAME.tar.gz that is packed from it now in `workFolder`. Checked. */
export async function archiveToAdd(source: string, workFolder: string, options: { mayReplace: boolean; epochSeconds: number }): Promise<string> {
  const info = await stat(source).catch(() => undefined)
  if (info === undefined) throw usage(`there is no ${source}`, 'name an archive, or a folder to pack')
  const file = info.isDirectory() ? join(workFolder, `${basename(resolve(source))}.tar.gz`) : source
  if (packageBaseName(basename(file)) === undefined) {
    throw usage(`${basename(file)} is no name for a package: letters, digits and ._+~- only, with an ending of ${PACKAGE_ENDINGS.join(', ')}`, 'rename it, as in tools.tar.gz')
  }
  if (info.isDirectory()) {
    await mkdir(workFolder, { recursive: true })
    await makeArchive(source, file, options.epochSeconds)
  }
  assertAccepted(await inspectArchive(file, { lookUp: () => undefined, mayReplace: options.mayReplace }))
  return file
}

/** Puts an archive, or a folder as an archive, into the packages folder and its list; gives the path of the archive. */
export async function addToFolder(folder: string, source: string, options: { mayReplace: boolean; epochSeconds: number }): Promise<string> {
  const { listText } = await readPackagesFolder(folder)
  const file = await archiveToAdd(source, folder, options)
  const target = join(folder, basename(file))
  if (resolve(file) !== target) {
    await mkdir(folder, { recursive: true })
    await copyFile(file, `${target}.${process.pid}`)
    await rename(`${target}.${process.pid}`, target)
  }
  await writeFile(join(folder, 'list'), withPackage(listText, basename(file), options.mayReplace))
  return target
}

/** Takes a package out of the list and its archive out of the folder; `name` with or without its ending. Throws NO_PACKAGE_FILE. */
export async function removeFromFolder(folder: string, name: string): Promise<string[]> {
  const { lines, archives, listText } = await readPackagesFolder(folder)
  const names = [...new Set([...lines.map((line) => line.name), ...archives])].filter((known) => known === name || packageBaseName(known) === name)
  if (names.length === 0) {
    throw new PlumpError('NO_PACKAGE_FILE', `there is no package ${name} in ${folder}`, { fix: './plump package list shows those there are', exitCode: EXIT.usage })
  }
  for (const known of names) await rm(join(folder, known), { force: true })
  if (listText !== undefined) await writeFile(join(folder, 'list'), names.reduce(withoutPackage, listText))
  return names
}

function usage(message: string, fix: string): PlumpError {
  return new PlumpError('USAGE', message, { fix, exitCode: EXIT.usage })
}
