import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureTools } from '../doctor/ensure-tools.ts'
import { describeSecrets } from '../image/secrets.ts'
import { kernelDescriptionSchema } from '../../schema/kernel-description.ts'
import { kernelWarnings } from '../kernel/describe-kernel.ts'
import { buildRecord } from '../record/build-record.ts'
import { recipe } from '../steps/index.ts'
import { iso } from '../steps/iso.ts'
import { kernel } from '../steps/kernel.ts'
import { netboot } from '../steps/netboot.ts'
import { record } from '../steps/record.ts'
import { secretsOf } from './build.ts'
import { throwIfInterrupted } from './execute.ts'
import { openBuild, type BuildOptions } from './open-build.ts'
import { publish, type Published } from './publish.ts'
import type { Build } from './build.ts'
import type { Results } from './results.ts'
import { runBuild } from './run-build.ts'

export interface BuiltIso extends Published {
  /** The secrets in it, for people; empty for an ISO that everybody may have. */
  secrets: string
}

/** `./plump build`: from plump.yaml to final/. Installs missing tools, runs every step, publishes. */
export async function buildIso(options: BuildOptions & { useCache: boolean }): Promise<BuiltIso> {
  const startedMs = performance.now()
  const secondsSoFar = (): number => Math.round(performance.now() - startedMs) / 1000
  const build = await openBuild(options)
  await ensureTools('build', { signal: options.signal })
  return runBuild(build, recipe(build.kernels), { useCache: options.useCache }, async (results) => {
    await warnOfKernels(build, results)
    const [isoResult, netbootResult, recordResult] = await Promise.all([results.verified(iso), results.verified(netboot), results.verified(record)])
    const bytesByCause = JSON.parse(await readFile(join(recordResult.folder, 'bytes.json'), 'utf8')) as Record<string, number>
    const published = await publish(build, {
      iso: join(isoResult.folder, 'plump.iso'),
      netboot: join(netbootResult.folder, 'netboot'),
      spdx: join(recordResult.folder, 'spdx.json'),
      record: (made) => `${JSON.stringify(buildRecord(build, results.all(), made, bytesByCause, secondsSoFar()), undefined, 1)}\n`,
    }).catch((error: unknown) => {
      throwIfInterrupted(build)
      throw error
    })
    const { iso: file, bytes, sha256 } = published
    build.emit({ type: 'build-done', seconds: secondsSoFar(), iso: file, bytes, sha256 })
    return { ...published, secrets: describeSecrets(secretsOf(build), build.config.cluster.name) }
  })
}

/** Said at each build, also when the cache had the kernel: what will not work with it stays true. */
async function warnOfKernels(build: Build, results: Results): Promise<void> {
  for (const name of build.kernels) {
    const { folder, step } = await results.verified(kernel(name))
    const description = kernelDescriptionSchema.parse(JSON.parse(await readFile(join(folder, 'kernel.json'), 'utf8')))
    for (const message of kernelWarnings(description)) build.emit({ type: 'warning', step: step.id, message })
  }
}
