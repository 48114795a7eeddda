import { access, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EXIT, PlumpError } from '../errors.ts'
import { parseBzImage } from './bzimage.ts'
import { checkKernelName, DEBIAN_KERNEL } from './kernel-names.ts'

/** What a folder of kernels holds besides `bzImage` and `modules.tgz`, which every kernel has. */
export const OPTIONAL_FILES = ['config', 'System.map', 'origin.json'] as const

/**
 * The names of the user's own kernels, a folder each: sorted. A look at names, files and the head of each image, which takes no time. Throws
 * KERNEL_NAME, KERNEL_FILES or BZIMAGE.
 */
export async function findOwnKernels(kernelsFolder: string): Promise<string[]> {
  const entries = await readdir(kernelsFolder, { withFileTypes: true }).catch(() => [])
  const names = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name).toSorted()
  for (const [index, name] of names.entries()) {
    checkKernelName(name, [DEBIAN_KERNEL, ...names.slice(0, index)], join(kernelsFolder, name))
    await checkFiles(join(kernelsFolder, name))
  }
  return names
}

async function checkFiles(folder: string): Promise<void> {
  const needed = ['bzImage', 'modules.tgz']
  const absent = await Promise.all(needed.map((file) => access(join(folder, file)).then(() => [], () => [file])))
  if (absent.flat().length > 0) {
    throw new PlumpError('KERNEL_FILES', `${folder} has no ${absent.flat().join(' and no ')}`, {
      fix: './plump kernel add NAME --image FILE --modules FILE puts both there; ./plump kernel remove NAME takes the folder away', exitCode: EXIT.usage,
    })
  }
  parseBzImage(await readFile(join(folder, 'bzImage')), join(folder, 'bzImage'))
}

/** The files of a kernel that are there, as paths relative to the folder of all kernels. */
export async function ownKernelFiles(kernelsFolder: string, name: string): Promise<string[]> {
  const present = new Set(await readdir(join(kernelsFolder, name)))
  return ['bzImage', 'modules.tgz', ...OPTIONAL_FILES].filter((file) => present.has(file)).map((file) => join(name, file))
}
