import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { packageBaseName } from '../../schema/package-list.ts'
import { readConfig } from '../config/read-config.ts'
import { ensureTools } from '../doctor/ensure-tools.ts'
import { EXIT, PlumpError } from '../errors.ts'
import { interruption } from '../os/interruption.ts'
import { addToIso } from '../packages/add-to-iso.ts'
import { addToFolder, removeFromFolder } from '../packages/change-folder.ts'
import { assertAccepted, inspectArchive } from '../packages/inspect-archive.ts'
import { makeArchive } from '../packages/make-archive.ts'
import { formatOverview, packageOverview } from '../packages/overview.ts'
import { packagesFolder, readPackagesFolder } from '../packages/packages-folder.ts'
import { epochSeconds } from '../version.ts'

interface Options {
  config?: string
}

/** `./plump package`: the folder of add-on packages and its list. */
export function registerPackage(program: Command): void {
  const verbs = program.command('package').description('Add, list, remove and make add-on packages: archives that nodes unpack over their root at boot.')
  const verb = (name: string, description: string): Command => verbs.command(name).description(description).option('--config <file>', 'use this file instead of plump.yaml')
  verb('add', 'Put an archive, or a folder packed as one, into the packages folder and its list.')
    .argument('<source>', 'a .tar.gz, .tgz, .tar, .tar.xz or .tar.zst, or a folder; paths in it are relative to the node\'s /')
    .option('--replace-programs', 'list it with !: it may replace the node\'s own program files')
    .option('--iso <file>', 'put it into this finished ISO, without a build, and not into the packages folder')
    .action(add)
  verb('list', 'Tell what nodes unpack, in which order, and what is in it.')
    .option('--json', 'print the packages as JSON')
    .action(list)
  verb('remove', 'Take a package out of the folder and its list.')
    .argument('<name>', 'file name, with or without its ending')
    .action(async (name: string, options: Options) => {
      for (const removed of await removeFromFolder(await folderOf(options), name)) print(`removed ${removed}`)
    })
  verb('make', 'Pack a folder as NAME.tar.gz in the packages folder; the same files always give the same bytes.')
    .argument('<name>', 'name of the package')
    .option('--from <folder>', 'the folder to pack (default: NAME in the packages folder)')
    .action(make)
}

async function add(source: string, options: Options & { replacePrograms?: boolean; iso?: string }): Promise<void> {
  if (options.iso !== undefined) return await addIntoIso(options.iso, source, options.replacePrograms ?? false)
  print(await addToFolder(await folderOf(options), source, { mayReplace: options.replacePrograms ?? false, epochSeconds: epochSeconds() }))
}

async function addIntoIso(iso: string, source: string, mayReplace: boolean): Promise<void> {
  const signal = interruption()
  await ensureTools('build', { signal })
  const changed = await addToIso(iso, source, { mayReplace, signal })
  process.stderr.write(`${changed.archive.name} is in; SHA-256 ${changed.sha256}. Netboot files beside the ISO are as they were; a signature must be made anew.\n`)
  print(changed.file)
}

async function list(options: Options & { json?: boolean }): Promise<void> {
  const overview = await packageOverview(await readPackagesFolder(await folderOf(options)))
  process.stdout.write(options.json ? `${JSON.stringify(overview, undefined, 2)}\n` : formatOverview(overview))
}

async function make(name: string, options: Options & { from?: string }): Promise<void> {
  const folder = await folderOf(options)
  if (packageBaseName(`${name}.tar.gz`) === undefined) {
    throw new PlumpError('USAGE', `${name} is no name for a package: letters, digits and ._+~- only`, { fix: './plump package make NAME', exitCode: EXIT.usage })
  }
  const file = join(folder, `${name}.tar.gz`)
  await makeArchive(options.from === undefined ? join(folder, name) : resolve(options.from), file, epochSeconds())
  assertAccepted(await inspectArchive(file, { lookUp: () => undefined, mayReplace: true }))
  print(file)
}

async function folderOf({ config }: Options): Promise<string> {
  return packagesFolder(await readConfig(config), config)
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
