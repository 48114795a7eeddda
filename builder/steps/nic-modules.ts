import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DEBIAN_KERNEL } from '../kernel/kernels.ts'
import { moduleClosure } from '../kernel/module-closure.ts'
import type { KernelModules } from '../kernel/module-info.ts'
import { writeModuleTree } from '../kernel/module-tree.ts'
import { nicModuleNames } from '../kernel/nic-sets.ts'
import { NODE_MODULES } from '../kernel/node-modules.ts'
import { toolVersions } from '../os/tool-version.ts'
import type { Step } from '../pipeline/step.ts'
import { fetchPackages } from './fetch-packages.ts'
import { kernel } from './kernel.ts'

/** Chooses the modules of a node and their firmware. Result: debian/modules/, to become /usr/lib/modules/VERSION, and debian/report.json. */
export const nicModules: Step = {
  id: 'nic-modules',
  title: 'Choose network card modules and firmware',
  needs: [fetchPackages, kernel],
  codeUrl: import.meta.url,
  inputs: async ({ config }) => ({ 'nics.set': JSON.stringify(config.nics.set), 'nics.firmware': config.nics.firmware, ...await toolVersions('depmod', 'dpkg-deb') }),
  async run({ build, out, result, warn }) {
    const kernelFolder = join(result(kernel), DEBIAN_KERNEL)
    const modules = JSON.parse(await readFile(join(kernelFolder, 'modules.json'), 'utf8')) as KernelModules
    const version = (await readFile(join(kernelFolder, 'version'), 'utf8')).trim()
    const closure = moduleClosure([...nicModuleNames(build.config.nics.set, modules), ...Object.values(NODE_MODULES).flat()], modules)
    if (closure.unknown.length > 0) warn(`this kernel has no module ${closure.unknown.join(', ')}`)
    await mkdir(join(out, DEBIAN_KERNEL))
    await writeModuleTree(closure, join(kernelFolder, 'modules'), join(out, DEBIAN_KERNEL, 'modules'), version, build.signal)
  },
}
