import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { EXIT, PlumpError } from '../errors.ts'
import { clusterKeyFile, clusterKeyFor, dropOldKey, makeClusterKey, readClusterKey, rotateClusterKey } from '../config/cluster-key.ts'
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
    .action(showKey)
  key.command('export').description('Write the key to a file plump.key on a USB stick; a node that asks for its key takes it from there.')
    .argument('<folder>', 'where the stick is mounted, or any folder; the key is made now if there is none')
    .option('--config <file>', 'use this file instead of plump.yaml')
    .option('--replace', 'also when there is a file plump.key already')
    .action(exportKey)
  key.command('new').description('Replace the key by a new one. Nodes that run an ISO with the old one will be strangers to those with the new.')
    .option('--config <file>', 'use this file instead of plump.yaml')
    .option('--replace', 'also when there is a key already')
    .action(newKey)
  key.command('rotate').description('Change the key of a running cluster: the next ISOs carry the new key and the one before, and nodes change over by themselves.')
    .option('--config <file>', 'use this file instead of plump.yaml')
    .option('--finish', 'drop the key before, when the change is over')
    .option('--early', 'with --finish: also before the two periods of cluster.rotationHours have passed')
    .action(rotateKey)
}

async function showKey(options: Options): Promise<void> {
  const keys = await clusterKeyFor((await readConfig(options.config)).cluster.name)
  print(keys)
  if (keys.includes('\n')) process.stderr.write('The first is the new key, the second the one before (./plump key rotate). A node that asks takes both, with a blank or a comma between them.\n')
}

async function rotateKey(options: Options & { finish?: boolean; early?: boolean }): Promise<void> {
  const { cluster } = await readConfig(options.config)
  const file = clusterKeyFile(cluster.name)
  if (options.finish) {
    await dropOldKey(file, 2 * cluster.rotationHours, options.early ?? false)
    process.stderr.write('ISOs built from now on carry the new key alone.\n')
  } else {
    await rotateClusterKey(file)
    process.stderr.write([
      'Now ./plump build, and start nodes from the new ISO; one is enough to begin with, the others learn the new key from it.',
      `For ${cluster.rotationHours} hours from then on nodes of both ISOs can join; after ${2 * cluster.rotationHours} hours the old key is refused.`,
      'Then ./plump key rotate --finish drops it here, too.', '',
    ].join('\n'))
  }
  print(file)
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

async function exportKey(folder: string, options: Options & { replace?: boolean }): Promise<void> {
  const target = join(folder, 'plump.key')
  if ((await stat(folder).catch(() => undefined))?.isDirectory() !== true) {
    throw new PlumpError('NO_FOLDER', `${folder} is no folder; the key is not written`, { fix: 'mount the stick, then name the folder it is mounted on', exitCode: EXIT.usage })
  }
  const key = await clusterKeyFor((await readConfig(options.config)).cluster.name)
  try {
    // A FAT stick keeps no modes; anywhere else the file is for its owner alone.
    await writeFile(target, `${key}\n`, { mode: 0o600, flag: options.replace ? 'w' : 'wx', flush: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new PlumpError('KEY_EXISTS', `${target} is there already, perhaps with the key of another cluster`, { fix: `./plump key export ${folder} --replace`, exitCode: EXIT.usage, cause: error })
    }
    throw new PlumpError('KEY_WRITE', `${target} cannot be written: ${error instanceof Error ? error.message : String(error)}`, { fix: 'is the stick write-protected, full, or mounted by another user?', cause: error })
  }
  print(target)
}

async function keyFile(options: Options): Promise<string> {
  return clusterKeyFile((await readConfig(options.config)).cluster.name)
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
