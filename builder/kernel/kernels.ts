import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PlumpError } from '../errors.ts'
import type { KernelModules } from './module-info.ts'

/** Finds the kernel package in a folder of packages: `linux-image-6.12.117+deb13-amd64.deb`; the metapackage has no version in its name. */
export function kernelPackageOf(packageFiles: readonly string[]): { file: string; version: string } {
  const found = packageFiles.flatMap((file) => {
    const match = /^linux-image-(\d.*)\.deb$/.exec(file)
    return match?.[1] === undefined ? [] : [{ file, version: match[1] }]
  })
  const [kernel, second] = found
  if (!kernel || second) {
    const names = found.length === 0 ? 'none' : found.map(({ file }) => file).join(', ')
    throw new PlumpError('KERNEL_PACKAGE', `expected one linux-image package, found ${names}`, {
      fix: './plump build --no-cache; if it stays, check base.suite and base.mirror in plump.yaml',
    })
  }
  return kernel
}

/** A kernel as the step `kernel` leaves it. */
export interface UnpackedKernel {
  version: string
  kernel: KernelModules
  /** The module tree, as in the package. */
  modulesFolder: string
}

/** Reads the result of the step `kernel`. */
export async function readUnpackedKernel(folder: string): Promise<UnpackedKernel> {
  const [version, modules] = await Promise.all(['version', 'modules.json'].map((file) => readFile(join(folder, file), 'utf8')))
  return { version: (version ?? '').trim(), kernel: JSON.parse(modules ?? '') as KernelModules, modulesFolder: join(folder, 'modules') }
}
