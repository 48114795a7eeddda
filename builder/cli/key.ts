import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
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
  key.command('export').description('Write the key to a file plump.key on a USB stick; a node that asks for its key takes it from there.')
    .argument('<folder>', 'where the stick is mounted, or any folder; the key is made now if there is none')
    .option('--config <file>', 'use this file instead of plump.yaml')
    .option('--replace', 'also when there is a file plump.key already')
    .action(exportKey)
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
