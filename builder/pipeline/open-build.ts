import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { checkKernels } from '../config/check-kernels.ts'
import { clusterKeyFor } from '../config/cluster-key.ts'
import { readConfig } from '../config/read-config.ts'
import { DEBIAN_KERNEL } from '../kernel/kernels.ts'
import { epochSeconds, plumpVersion, PROJECT_FOLDER } from '../version.ts'
import type { Build } from './build.ts'
import type { BuildEvent } from '../../schema/build-event.ts'

export interface BuildOptions {
  /** Default: plump.yaml in the checkout. */
  configFile?: string
  /** Where the ISO goes; default: final/ in the checkout. */
  outFolder?: string
  fast: boolean
  refresh: boolean
  signal: AbortSignal
  emit: (event: BuildEvent) => void
}

/**
 * Reads plump.yaml and the cluster key (made now if there is none) and gives what every step may use. Throws
 * PlumpError for a wrong configuration or a key file that is unusable.
 */
export async function openBuild(options: BuildOptions): Promise<Build> {
  // Results hold permission bits, so the user's umask must not reach them.
  process.umask(0o022)
  const config = await readConfig(options.configFile)
  checkKernels(config, [DEBIAN_KERNEL])
  return {
    config,
    version: plumpVersion(),
    paths: {
      project: PROJECT_FOLDER,
      cache: join(PROJECT_FOLDER, '.cache'),
      downloads: downloadsFolder(),
      final: resolve(options.outFolder ?? join(PROJECT_FOLDER, 'final')),
    },
    fast: options.fast,
    refresh: options.refresh,
    epochSeconds: epochSeconds(),
    clusterKey: config.cluster.key === 'embed' ? await clusterKeyFor(config.cluster.name) : undefined,
    signal: options.signal,
    emit: options.emit,
  }
}

/** `$XDG_CACHE_HOME/plump`, shared by all checkouts of the user. */
export function downloadsFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return join(environment['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'plump')
}
