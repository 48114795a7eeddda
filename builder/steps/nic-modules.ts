import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readUnpackedKernel } from '../kernel/kernels.ts'
import { moduleClosure } from '../kernel/module-closure.ts'
import { writeModuleTree } from '../kernel/module-tree.ts'
import { nicFamilyOf, type NicModule } from '../kernel/nic-families.ts'
import { nicModuleNames } from '../kernel/nic-sets.ts'
import { NODE_MODULES } from '../kernel/node-modules.ts'
import { toolVersions } from '../os/tool-version.ts'
import { perKernel } from '../pipeline/step.ts'
import type { FirmwareWish } from '../kernel/firmware.ts'
import { kernel } from './kernel.ts'

/** What the step chose, for `./plump plan`, the firmware and the record. */
export interface NicReport {
  kernel: string
  modules: string[]
  /** Those of network cards. */
  nicModules: NicModule[]
  /** What they ask for, by module. */
  firmware: FirmwareWish[]
}

/** Chooses the modules a node has of one kernel. Result: modules/, to become /usr/lib/modules/VERSION, and report.json (NicReport). */
export const nicModules = perKernel((name) => ({
  id: `nic-modules-${name}`,
  title: `Choose modules of ${name}`,
  needs: [kernel(name)],
  codeUrl: import.meta.url,
  inputs: async ({ config }) => ({ 'nics.set': JSON.stringify(config.nics.set), ...await toolVersions('depmod') }),
  async run({ build, out, result, warn }) {
    const unpacked = await readUnpackedKernel(result(kernel(name)))
    const wanted = [...nicModuleNames(build.config.nics.set, unpacked.kernel), ...Object.values(NODE_MODULES).flat()]
    const closure = moduleClosure(wanted, unpacked.kernel)
    if (closure.unknown.length > 0) warn(`kernel ${name} has no module ${closure.unknown.join(', ')}`)
    await writeModuleTree(closure, unpacked.modulesFolder, join(out, 'modules'), unpacked.version, build.signal)
    const report: NicReport = {
      kernel: unpacked.version,
      modules: closure.modules.map((module) => module.name),
      nicModules: await Promise.all(closure.modules.filter(({ path }) => nicFamilyOf(path) !== undefined).map(async (module) => ({
        name: module.name, path: module.path, bytes: (await stat(join(unpacked.modulesFolder, module.path))).size,
      }))),
      firmware: [...closure.modules, { name: 'built in', firmware: unpacked.kernel.builtin.firmware }]
        .filter(({ firmware }) => firmware.length > 0)
        .map((module) => ({ name: module.name, firmware: module.firmware })),
    }
    await writeFile(join(out, 'report.json'), `${JSON.stringify(report, undefined, 1)}\n`)
  },
}))
