import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DEBIAN_KERNEL, kernelPackageOf } from '../kernel/kernels.ts'
import { readKernelModules } from '../kernel/read-modules.ts'
import { run } from '../os/run.ts'
import { toolVersions } from '../os/tool-version.ts'
import type { Step } from '../pipeline/step.ts'
import { fetchPackages } from './fetch-packages.ts'

/**
 * Unpacks Debian's signed kernel, once, and asks every module what it needs. Result: debian/{bzImage,config,version},
 * debian/modules/ as in the package and debian/modules.json (KernelModules).
 */
export const kernel: Step = {
  id: 'kernel',
  title: 'Unpack the kernel',
  needs: [fetchPackages],
  codeUrl: import.meta.url,
  inputs: () => toolVersions('dpkg-deb', 'modinfo'),
  async run({ build, out, result, progress }) {
    const packages = join(result(fetchPackages), 'debs')
    const { file, version } = kernelPackageOf(await readdir(packages))
    const unpacked = join(out, 'unpacked')
    await run('dpkg-deb', ['-x', join(packages, file), unpacked], { signal: build.signal })
    const folder = join(out, DEBIAN_KERNEL)
    await mkdir(folder)
    await rename(join(unpacked, `boot/vmlinuz-${version}`), join(folder, 'bzImage'))
    await rename(join(unpacked, `boot/config-${version}`), join(folder, 'config'))
    await rename(join(unpacked, `usr/lib/modules/${version}`), join(folder, 'modules'))
    await rm(unpacked, { recursive: true })
    await writeFile(join(folder, 'version'), `${version}\n`)
    progress(`reading what the modules of ${version} need`)
    await writeFile(join(folder, 'modules.json'), JSON.stringify(await readKernelModules(join(folder, 'modules'), build.signal)))
  },
}
