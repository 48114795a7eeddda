import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { packageListSchema, type PackageRecord } from '../debian/package-record.ts'
import { ROOT_PACKAGES } from '../debian/root-packages.ts'
import { DEBIAN_KERNEL } from '../kernel/kernels.ts'
import { inOrder } from '../pipeline/schedule.ts'
import { runBuild } from '../pipeline/run-build.ts'
import { STEPS } from '../steps/index.ts'
import { kernel } from '../steps/kernel.ts'
import { nicModules, type NicReport } from '../steps/nic-modules.ts'
import { nodeRuntime } from '../steps/node-runtime.ts'
import { resolvePackages } from '../steps/resolve-packages.ts'
import { forecast, type StepForecast } from './cache-forecast.ts'
import type { Build } from '../pipeline/build.ts'

export interface Plan {
  version: string
  packages: (Pick<PackageRecord, 'name' | 'version' | 'use' | 'component' | 'sizeBytes'> & { why?: string })[]
  nics: NicReport
  /** About how many bytes of the ISO each cause will take. */
  expectedBytes: Record<string, number>
  steps: StepForecast[]
}

/** What part of its size each takes in the ISO, measured with zstd level 19 and 1 MiB blocks; modules are compressed already. */
const PACKED = { node: 0.31, modules: 0.95, packages: 0.77 }
/** Initramfs, EFI and BIOS boot loaders, agent and the file system itself (measured). */
const FIXED_BYTES = { 'initramfs': 2_900_000, 'boot loaders': 3_600_000, 'agent': 100_000, 'file system': 200_000 }

/**
 * Finds out what a build would do. What the answer needs is made and kept: package lists, packages, and the choice of modules, all of
 * which the build needs as well.
 */
export async function makePlan(build: Build): Promise<Plan> {
  return runBuild(build, [resolvePackages, nodeRuntime, nicModules], { useCache: true }, async (results) => {
    const folder = async (step: typeof nicModules): Promise<string> => (await results.verified(step)).folder
    const packages = packageListSchema.parse(JSON.parse(await readFile(join(await folder(resolvePackages), 'packages.json'), 'utf8')))
    const chosen = join(await folder(nicModules), DEBIAN_KERNEL)
    const rootBytes = packages.filter(({ use }) => use === 'root').reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    return {
      version: build.version,
      packages: packages.map(({ name, version, use, component, sizeBytes }) => ({ name, version, use, component, sizeBytes, ...whyOf(name) })),
      nics: JSON.parse(await readFile(join(chosen, 'report.json'), 'utf8')) as NicReport,
      expectedBytes: {
        'kernel': await bytesOf(join(await folder(kernel), DEBIAN_KERNEL, 'bzImage')),
        'modules and firmware': Math.round(PACKED.modules * (await bytesOf(join(chosen, 'modules')))),
        'node': Math.round(PACKED.node * (await bytesOf(join(await folder(nodeRuntime), 'root')))),
        'packages of the root': Math.round(PACKED.packages * rootBytes),
        ...FIXED_BYTES,
      },
      steps: await forecast(build, inOrder(STEPS)),
    }
  })
}

function whyOf(name: string): { why?: string } {
  const known = ROOT_PACKAGES.find((wanted) => wanted.name === name)
  return known === undefined ? {} : { why: known.why }
}

/** Bytes of a file, or of all files below a folder. */
async function bytesOf(path: string): Promise<number> {
  if ((await stat(path)).isFile()) return (await stat(path)).size
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const sizes = await Promise.all(entries.filter((entry) => entry.isFile()).map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}
