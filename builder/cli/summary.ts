import { access, readFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import type { Command } from 'commander'
import { clusterKeyFile } from '../config/cluster-key.ts'
import { readConfig } from '../config/read-config.ts'
import { withoutSecrets } from '../config/wifi-secrets.ts'
import { chooseMirrors, type Mirrors } from '../debian/mirrors.ts'
import { DEBIAN_KERNEL } from '../kernel/kernel-names.ts'
import { findOwnKernels } from '../kernel/own-kernels.ts'
import { run } from '../os/run.ts'
import { packagesFolder } from '../packages/packages-folder.ts'
import { downloadsFolder, ownKernelsFolder } from '../pipeline/open-build.ts'
import { describeSummary, summarize } from '../summary/summarize.ts'
import { epochSeconds, plumpVersion, PROJECT_FOLDER } from '../version.ts'
import type { PlumpYaml } from '../../schema/plump-yaml.ts'

interface Options {
  config?: string
  json?: boolean
}

export function registerSummary(program: Command): void {
  program.command('summary')
    .description('Show the whole configuration, and where each value comes from: plump.yaml, the environment, this machine or the default.')
    .option('--config <file>', 'use this file instead of plump.yaml')
    .option('--json', 'print it as JSON')
    .action(summary)
}

async function summary(options: Options): Promise<void> {
  const config = withoutSecrets(await readConfig(options.config))
  const file = resolve(options.config ?? join(PROJECT_FOLDER, 'plump.yaml'))
  const shown = relative(process.cwd(), file)
  const kernelsFolder = ownKernelsFolder(config, options.config)
  const keyFile = clusterKeyFile(config.cluster.name)
  const rows = summarize(config, await readFile(file, 'utf8').catch(() => ''), shown.startsWith('..') ? file : shown, {
    version: plumpVersion(),
    mirrors: await machineMirrors(config),
    kernelsFolder,
    kernels: [DEBIAN_KERNEL, ...await findOwnKernels(kernelsFolder)],
    packagesFolder: packagesFolder(config, options.config),
    clusterKeyFile: keyFile,
    clusterKeyExists: await access(keyFile).then(() => true, () => false),
    downloads: downloadsFolder(),
    final: join(PROJECT_FOLDER, 'final'),
    epochSeconds: epochSeconds(),
  }, process.env)
  process.stdout.write(options.json ? `${JSON.stringify(rows, undefined, 2)}\n` : describeSummary(rows))
}

/** What a build would ask; undefined on a machine without apt or without Debian sources, where a build would say so. */
async function machineMirrors(config: PlumpYaml): Promise<Mirrors | undefined> {
  try {
    return chooseMirrors(config.base, await run('apt-get', ['indextargets', '--format', '$(ORIGIN)|$(LABEL)|$(REPO_URI)']))
  } catch {
    return undefined
  }
}
