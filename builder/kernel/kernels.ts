import { PlumpError } from '../errors.ts'

/** The kernel every image has: Debian's signed one, under this name in /kernels of the ISO and in the boot menu. */
export const DEBIAN_KERNEL = 'debian'

/** Finds the kernel package in a folder of packages: `linux-image-6.12.117+deb13-amd64.deb`; the metapackage has no version in its name. */
export function kernelPackageOf(packageFiles: readonly string[]): { file: string; version: string } {
  const found = packageFiles.flatMap((file) => {
    const match = /^linux-image-(\d.*)\.deb$/.exec(file)
    return match?.[1] === undefined ? [] : [{ file, version: match[1] }]
  })
  const [kernel, second] = found
  if (!kernel || second) {
    throw new PlumpError('KERNEL_PACKAGE', `expected one linux-image package, found ${found.length === 0 ? 'none' : found.map(({ file }) => file).join(', ')}`, {
      fix: './plump build --no-cache; if it stays, check base.suite and base.mirror in plump.yaml',
    })
  }
  return kernel
}
