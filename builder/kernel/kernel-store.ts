import { readFile, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { kernelDescriptionSchema, type KernelDescription } from '../../schema/kernel-description.ts'
import { runBuild } from '../pipeline/run-build.ts'
import { kernel } from '../steps/kernel.ts'
import type { Build } from '../pipeline/build.ts'

/** What is known of kernels of an image; what has not been looked at yet is unpacked and checked now, and the next build has it done. */
export async function readKernelDescriptions(build: Build, names: readonly string[]): Promise<KernelDescription[]> {
  return runBuild(build, names.map(kernel), { useCache: true }, async (results) => Promise.all(names.map(async (name) => {
    const { folder } = await results.verified(kernel(name))
    return kernelDescriptionSchema.parse(JSON.parse(await readFile(join(folder, 'kernel.json'), 'utf8')))
  })))
}

/** Whether the folder of kernels has one of that name; a name with a slash in it is none. */
export async function kernelExists(kernelsFolder: string, name: string): Promise<boolean> {
  const info = await stat(join(kernelsFolder, name)).catch(() => undefined)
  return name !== '' && !name.startsWith('.') && basename(name) === name && (info?.isDirectory() ?? false)
}

/** Removes a kernel's folder. */
export async function forgetKernel(kernelsFolder: string, name: string): Promise<void> {
  await rm(join(kernelsFolder, name), { recursive: true, force: true })
}
