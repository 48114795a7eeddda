import type { Command } from 'commander'
import { EXIT, PlumpError } from '../errors.ts'
import { clusterKeyFile, clusterKeyFor, makeClusterKey, readClusterKey } from '../config/cluster-key.ts'
import { readConfig } from '../config/read-config.ts'

interface Options {
  config?: string
}

export function registerKey(program: Command): void {
  const key = program.command('key').description('Show or replace the cluster key: whoever holds it is let in.')
  key.command('path').description('Tell in which file the key is kept.')
    .option('--config <file>', 'use this file instead of plump.yaml')
    .action(async (options: Options) => print(await keyFile(options)))
  key.command('show').description('Print the key, for a node that asks for it; it is made now if there is none.')
    .option('--config <file>', 'use this file instead of plump.yaml')
    .action(async (options: Options) => print(await clusterKeyFor((await readConfig(options.config)).cluster.name)))
  key.command('new').description('Replace the key by a new one. Nodes that run an ISO with the old one will be strangers to those with the new.')
    .option('--config <file>', 'use this file instead of plump.yaml')
    .option('--replace', 'also when there is a key already')
    .action(newKey)
}

async function newKey(options: Options & { replace?: boolean }): Promise<void> {
  const file = await keyFile(options)
  const existing = await readClusterKey(file).catch(() => 'unusable')
  if (existing !== undefined && !options.replace) {
    throw new PlumpError('KEY_EXISTS', `${file} holds a key already; nodes that run with it would become strangers`, {
      fix: './plump key new --replace', exitCode: EXIT.usage,
    })
  }
  await makeClusterKey(file)
  print(file)
}

async function keyFile(options: Options): Promise<string> {
  return clusterKeyFile((await readConfig(options.config)).cluster.name)
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
