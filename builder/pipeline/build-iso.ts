import { join } from 'node:path'
import { ensureTools } from '../doctor/ensure-tools.ts'
import { STEPS } from '../steps/index.ts'
import { openBuild, type BuildOptions } from './open-build.ts'
import { publish, type Published } from './publish.ts'
import { runBuild } from './run-build.ts'

export interface BuiltIso extends Published {
  /** Whether the cluster key is in it. */
  secret: boolean
  cluster: string
}

/** `./plump build`: from plump.yaml to final/. Installs missing tools, runs every step, publishes. */
export async function buildIso(options: BuildOptions & { useCache: boolean }): Promise<BuiltIso> {
  const startedMs = performance.now()
  const build = await openBuild(options)
  await ensureTools('build', { signal: options.signal })
  return runBuild(build, STEPS, { useCache: options.useCache }, async (results) => {
    const folder = (id: string): string => [...results.values()].find(({ step }) => step.id === id)?.folder ?? '/nonexistent'
    const published = await publish(build, { iso: join(folder('iso'), 'plump.iso'), netboot: join(folder('netboot'), 'netboot'), spdx: join(folder('resolve-packages'), 'packages.json'), record: () => '{}' })
    build.emit({ type: 'build-done', seconds: Math.round(performance.now() - startedMs) / 1000, ...published })
    return { ...published, secret: build.clusterKey !== undefined, cluster: build.config.cluster.name }
  })
}
