import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { checkKernels } from '../config/check-kernels.ts'
import { clusterKeyFor } from '../config/cluster-key.ts'
import { readConfig } from '../config/read-config.ts'
import { wifiFile, withoutSecrets } from '../config/wifi-secrets.ts'
import { DEBIAN_KERNEL } from '../kernel/kernel-names.ts'
import { findOwnKernels } from '../kernel/own-kernels.ts'
import { packagesFolder } from '../packages/packages-folder.ts'
import { epochSeconds, plumpVersion, PROJECT_FOLDER } from '../version.ts'
import type { Build } from './build.ts'
import type { PlumpYaml } from '../../schema/plump-yaml.ts'
import type { BuildEvent } from '../../schema/build-event.ts'

export interface BuildOptions {
  /** Default: plump.yaml in the checkout. */
  configFile?: string
  /** Where the ISO goes; default: final/ in the checkout. */
  outFolder?: string
  fast: boolean
  refresh: boolean
  /** Whether plump.yaml may name kernels that are not there: for the verb that brings them. */
  missingKernels?: boolean
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
  const withSecrets = await readConfig(options.configFile)
  const config = withoutSecrets(withSecrets)
  const kernelsFolder = ownKernelsFolder(config, options.configFile)
  const kernels = [DEBIAN_KERNEL, ...await findOwnKernels(kernelsFolder)]
  if (!options.missingKernels) checkKernels(config, kernels)
  return {
    config,
    version: plumpVersion(),
    kernels,
    paths: {
      project: PROJECT_FOLDER,
      cache: join(PROJECT_FOLDER, '.cache'),
      downloads: downloadsFolder(),
      final: resolve(options.outFolder ?? join(PROJECT_FOLDER, 'final')),
      kernels: kernelsFolder,
      packages: packagesFolder(config, options.configFile),
    },
    fast: options.fast,
    refresh: options.refresh,
    epochSeconds: epochSeconds(),
    clusterKey: config.cluster.key === 'embed' ? await clusterKeyFor(config.cluster.name) : undefined,
    wifi: wifiFile(withSecrets),
    signal: options.signal,
    emit: options.emit,
  }
}

/** Where the user's own kernels lie: `kernels.folder`, relative to the file that says it, else kernels/ of the checkout. */
export function ownKernelsFolder(config: PlumpYaml, configFile: string | undefined): string {
  const { folder } = config.kernels
  return folder === undefined ? join(PROJECT_FOLDER, 'kernels') : resolve(dirname(configFile ?? join(PROJECT_FOLDER, 'plump.yaml')), folder)
}

/** `$XDG_CACHE_HOME/plump`, shared by all checkouts of the user. */
export function downloadsFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return join(environment['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'plump')
}
