import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { packageListSchema, type PackageRecord } from '../debian/package-record.ts'
import { ROOT_PACKAGES, ROOT_PACKAGES_ALONE, WIFI_PACKAGES } from '../debian/root-packages.ts'
import { kernelDescriptionSchema } from '../../schema/kernel-description.ts'
import { kernelWarnings } from '../kernel/describe-kernel.ts'
import { DEBIAN_KERNEL } from '../kernel/kernel-names.ts'
import { nicFamilies, type NicFamily } from '../kernel/nic-families.ts'
import { inOrder } from '../pipeline/schedule.ts'
import { runBuild } from '../pipeline/run-build.ts'
import { recipe } from '../steps/index.ts'
import { firmware, type FirmwareReport } from '../steps/firmware.ts'
import { kernel } from '../steps/kernel.ts'
import { nicModules, type NicReport } from '../steps/nic-modules.ts'
import { nodeRuntime } from '../steps/node-runtime.ts'
import { resolvePackages } from '../steps/resolve-packages.ts'
import { forecast, type StepForecast } from './cache-forecast.ts'
import type { Build } from '../pipeline/build.ts'
import type { Step } from '../pipeline/step.ts'

export interface Plan {
  version: string
  packages: (Pick<PackageRecord, 'name' | 'version' | 'use' | 'component' | 'sizeBytes'> & { why?: string })[]
  kernels: (Pick<NicReport, 'kernel' | 'modules'> & {
    name: string
    /** What will not work with it, and what to know of it. */
    warnings: string[]
  })[]
  nics: Pick<FirmwareReport, 'firmware' | 'firmwareMissing'>
  /** What each kind of network card takes of the ISO, with Debian's kernel; largest first. */
  nicFamilies: NicFamily[]
  /** About how many bytes of the ISO each cause will take. */
  expectedBytes: Record<string, number>
  steps: StepForecast[]
}

/** What part of its size each takes in the ISO, measured with zstd level 19 and 1 MiB blocks; modules are compressed already. */
const PACKED = { node: 0.31, modules: 0.95, packages: 0.77 }
/** The initramfs of a kernel (measured). */
const INITRAMFS_BYTES = 2_900_000
/** EFI and BIOS boot loaders, agent and the file system itself (measured). */
const FIXED_BYTES = { 'boot loaders': 3_600_000, 'agent': 100_000, 'file system': 200_000 }

/**
 * Finds out what a build would do. What the answer needs is made and kept: package lists, packages, and the choice of modules, all of
 * which the build needs as well.
 */
export async function makePlan(build: Build): Promise<Plan> {
  return runBuild(build, [resolvePackages, nodeRuntime, firmware, ...build.kernels.map(nicModules)], { useCache: true }, async (results) => {
    const folder = async (step: Step): Promise<string> => (await results.verified(step)).folder
    const packages = packageListSchema.parse(JSON.parse(await readFile(join(await folder(resolvePackages), 'packages.json'), 'utf8')))
    const nicReport = async (name: string): Promise<NicReport> => JSON.parse(await readFile(join(await folder(nicModules(name)), 'report.json'), 'utf8')) as NicReport
    const chosen = JSON.parse(await readFile(join(await folder(firmware), 'report.json'), 'utf8')) as FirmwareReport
    const kernelBytes = async (name: string): Promise<number> => (
      await bytesOf(join(await folder(kernel(name)), 'bzImage')) + Math.round(PACKED.modules * await bytesOf(join(await folder(nicModules(name)), 'modules'))) + INITRAMFS_BYTES
    )
    const rootBytes = packages.filter(({ use }) => use === 'root' || use === 'chosen').reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    return {
      version: build.version,
      packages: packages.map(({ name, version, use, component, sizeBytes }) => ({ name, version, use, component, sizeBytes, ...whyOf(name) })),
      kernels: await Promise.all(build.kernels.map(async (name) => {
        const report = await nicReport(name)
        const description = kernelDescriptionSchema.parse(JSON.parse(await readFile(join(await folder(kernel(name)), 'kernel.json'), 'utf8')))
        return { name, kernel: report.kernel, modules: report.modules, warnings: kernelWarnings(description) }
      })),
      nics: { firmware: chosen.firmware, firmwareMissing: chosen.firmwareMissing },
      nicFamilies: nicFamilies((await nicReport(DEBIAN_KERNEL)).nicModules, chosen.firmwareByModule, chosen.firmwareBytes),
      expectedBytes: {
        ...Object.fromEntries(await Promise.all(build.kernels.map(async (name) => [`kernel ${name}`, await kernelBytes(name)] as const))),
        'firmware': await bytesOf(join(await folder(firmware), 'firmware.sqfs')),
        'node': Math.round(PACKED.node * (await bytesOf(join(await folder(nodeRuntime), 'root')))),
        'packages of the root': Math.round(PACKED.packages * rootBytes),
        ...FIXED_BYTES,
      },
      steps: await forecast(build, inOrder(recipe(build.kernels), build.kernels)),
    }
  })
}

function whyOf(name: string): { why?: string } {
  const known = [...ROOT_PACKAGES, ...ROOT_PACKAGES_ALONE, ...WIFI_PACKAGES].find((wanted) => wanted.name === name)
  return known === undefined ? {} : { why: known.why }
}

/** Bytes of a file, or of all files below a folder. */
async function bytesOf(path: string): Promise<number> {
  if ((await stat(path)).isFile()) return (await stat(path)).size
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const sizes = await Promise.all(entries.filter((entry) => entry.isFile()).map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}
