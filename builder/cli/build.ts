import type { Command } from 'commander'
import { checkSigningKey, signFiles } from '../inspect/signature.ts'
import { interruption } from '../os/interruption.ts'
import { buildIso, type BuiltIso } from '../pipeline/build-iso.ts'
import { chooseListener } from './listener.ts'

interface Options {
  config?: string
  out?: string
  sign?: string
  fast?: boolean
  refresh?: boolean
  cache: boolean
  json?: boolean
  verbose?: boolean
}

export function registerBuild(program: Command): void {
  program.command('build')
    .description('Make the ISO, the netboot files, the SBOM and the build record in final/.')
    .option('--fast', 'trade size for time: lower compression, for work on Plump itself')
    .option('--config <file>', 'use this file instead of plump.yaml')
    .option('--out <folder>', 'put the results here instead of final/')
    .option('--sign <key>', 'sign ISO, SBOM, build record and netboot files with this ssh key (ssh-keygen -Y); each signature goes to FILE.sig')
    .option('--refresh', 'ask the mirror for newer packages even when its lists are fresh')
    .option('--no-cache', 'make every step again')
    .option('--json', 'print one JSON event per line on stdout')
    .option('--verbose', 'show every command and why each step runs')
    .action(buildVerb)
}

async function buildVerb(options: Options): Promise<void> {
  if (options.sign !== undefined) await checkSigningKey(options.sign)
  const listener = chooseListener({ json: options.json ?? false, verbose: options.verbose ?? false })
  try {
    const built = await buildIso({
      ...(options.config === undefined ? {} : { configFile: options.config }),
      ...(options.out === undefined ? {} : { outFolder: options.out }),
      fast: options.fast ?? false,
      refresh: options.refresh ?? false,
      useCache: options.cache,
      signal: interruption(),
      emit: (event) => listener.emit(event),
    })
    await listener.end()
    if (options.sign !== undefined) await signFiles(built.files, options.sign)
    if (!options.json) tell(built)
  } finally {
    await listener.end()
  }
}

function tell(built: BuiltIso): void {
  if (built.secrets !== '') {
    process.stderr.write(`This ISO carries ${built.secrets}: treat it as a secret. (cluster.key: ask in plump.yaml builds one without the key.)\n`)
  }
  process.stdout.write(`${built.iso}\n`)
}
