import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseBzImage } from '../kernel/bzimage.ts'
import { describeKernel } from '../kernel/describe-kernel.ts'
import { DEBIAN_KERNEL } from '../kernel/kernel-names.ts'
import { kernelPackageOf } from '../kernel/kernels.ts'
import { ownKernelFiles } from '../kernel/own-kernels.ts'
import { readKernelModules } from '../kernel/read-modules.ts'
import { parseKernelConfig } from '../kernel/requirements.ts'
import { unpackKernelPackage, unpackOwnKernel } from '../kernel/unpack-kernel.ts'
import { toolVersions } from '../os/tool-version.ts'
import { fileInputs } from '../pipeline/inputs.ts'
import { fileSha256 } from '../pipeline/tree-digest.ts'
import { perKernel } from '../pipeline/step.ts'
import { fetchPackages } from './fetch-packages.ts'

/**
 * Unpacks one kernel, asks every module what it needs, and looks whether nodes can run with it. Result: bzImage, version, config and origin.json
 * where there are any, modules/ as they came, modules.json (KernelModules) and kernel.json (KernelDescription).
 */
export const kernel = perKernel((name) => ({
  id: `kernel-${name}`,
  title: `Unpack kernel ${name}`,
  needs: name === DEBIAN_KERNEL ? [fetchPackages] : [],
  codeUrl: import.meta.url,
  inputs: async (build) => ({
    ...name === DEBIAN_KERNEL ? {} : await fileInputs(build.paths.kernels, await ownKernelFiles(build.paths.kernels, name)),
    ...await toolVersions('dpkg-deb', 'modinfo', 'tar'),
  }),
  async run({ build, out, result, progress }) {
    if (name === DEBIAN_KERNEL) {
      const packages = join(result(fetchPackages), 'debs')
      await unpackKernelPackage(join(packages, kernelPackageOf(await readdir(packages)).file), out, build.signal)
    } else {
      await unpackOwnKernel(join(build.paths.kernels, name), out, build.signal)
      await copyFile(join(build.paths.kernels, name, 'origin.json'), join(out, 'origin.json')).catch(() => undefined)
    }
    const [version, image, config] = await Promise.all([
      readFile(join(out, 'version'), 'utf8'), readFile(join(out, 'bzImage')), readFile(join(out, 'config'), 'utf8').catch(() => undefined),
    ])
    progress(`reading what the modules of ${version.trim()} need`)
    const modules = await readKernelModules(join(out, 'modules'), build.signal)
    const description = describeKernel({
      name,
      image: { ...parseBzImage(image, `the image of kernel ${name}`), bytes: image.length, sha256: await fileSha256(join(out, 'bzImage')) },
      modules,
      modulesVersion: version.trim(),
      config: config === undefined ? undefined : parseKernelConfig(config),
    })
    await writeFile(join(out, 'modules.json'), JSON.stringify(modules))
    await writeFile(join(out, 'kernel.json'), `${JSON.stringify(description, undefined, 1)}\n`)
  },
}))
