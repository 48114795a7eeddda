import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FIRMWARE_PACKAGES } from '../debian/firmware-packages.ts'
import { copyFirmware, readStock } from '../kernel/firmware-files.ts'
import { selectFirmware, type FirmwareSelection } from '../kernel/firmware.ts'
import { DEBIAN_KERNEL, readUnpackedKernel } from '../kernel/kernels.ts'
import { moduleClosure, type ModuleClosure } from '../kernel/module-closure.ts'
import { writeModuleTree } from '../kernel/module-tree.ts'
import { nicModuleNames } from '../kernel/nic-sets.ts'
import { NODE_MODULES } from '../kernel/node-modules.ts'
import { run } from '../os/run.ts'
import { toolVersions } from '../os/tool-version.ts'
import type { Build } from '../pipeline/build.ts'
import type { Step, StepWork } from '../pipeline/step.ts'
import { fetchPackages } from './fetch-packages.ts'
import { kernel } from './kernel.ts'

/**
 * Chooses the modules of a node and the firmware they ask for. Result: debian/modules/, to become /usr/lib/modules/VERSION, with
 * firmware/ inside, and debian/report.json (NicReport).
 */
export const nicModules: Step = {
  id: 'nic-modules',
  title: 'Choose network card modules and firmware',
  needs: [fetchPackages, kernel],
  codeUrl: import.meta.url,
  inputs: async ({ config }) => ({
    'nics.set': JSON.stringify(config.nics.set), 'nics.firmware': config.nics.firmware, ...await toolVersions('depmod', 'dpkg-deb', 'xz'),
  }),
  async run(work) {
    const { build, out, result, warn } = work
    const unpacked = await readUnpackedKernel(result(kernel), DEBIAN_KERNEL)
    const wanted = [...nicModuleNames(build.config.nics.set, unpacked.kernel), ...Object.values(NODE_MODULES).flat()]
    const closure = moduleClosure(wanted, unpacked.kernel)
    if (closure.unknown.length > 0) warn(`this kernel has no module ${closure.unknown.join(', ')}`)
    const folder = join(out, DEBIAN_KERNEL)
    await mkdir(folder)
    await writeModuleTree(closure, unpacked.modulesFolder, join(folder, 'modules'), unpacked.version, build.signal)
    const firmware = await addFirmware(work, closure, unpacked.kernel.builtin.firmware, join(folder, 'modules/firmware'))
    await writeFile(join(folder, 'report.json'), `${JSON.stringify(describe(unpacked.version, closure, firmware), undefined, 1)}\n`)
  },
}

/** What the step chose, for `./plump plan` and the build record. */
export interface NicReport {
  kernel: string
  modules: string[]
  /** Files of firmware, without the ending of their compression. */
  firmware: string[]
  /** Firmware that modules name and no package has, by module; most of it is for cards that were never sold. */
  firmwareMissing: FirmwareSelection['missing']
}

function describe(kernelVersion: string, closure: ModuleClosure, firmware: FirmwareSelection): NicReport {
  return { kernel: kernelVersion, modules: closure.modules.map(({ name }) => name), firmware: firmware.files, firmwareMissing: firmware.missing }
}

async function addFirmware(
  { build, result }: StepWork, closure: ModuleClosure, builtin: readonly string[], target: string,
): Promise<FirmwareSelection> {
  const scratch = await mkdtemp(join(tmpdir(), 'plump-firmware-'))
  try {
    const packages = await unpackFirmware(build, join(result(fetchPackages), 'debs'), scratch)
    const stock = await readStock(packages)
    const selection = selectFirmware([...closure.modules, { name: 'built in', firmware: [...builtin] }], stock)
    await copyFirmware(selection, stock, packages, target, build.signal)
    return selection
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Unpacks the firmware packages that were fetched into one tree and gives the folder that corresponds to /usr/lib/firmware. */
async function unpackFirmware(build: Build, debs: string, scratch: string): Promise<string> {
  const folder = join(scratch, 'usr/lib/firmware')
  await mkdir(folder, { recursive: true })
  const fetched = new Set(await readdir(debs))
  const packages = FIRMWARE_PACKAGES.map(({ name }) => `${name}.deb`).filter((file) => fetched.has(file))
  await Promise.all(packages.map((file) => run('dpkg-deb', ['-x', join(debs, file), scratch], { signal: build.signal })))
  return folder
}
