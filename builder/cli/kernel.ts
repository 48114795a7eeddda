import { join } from 'node:path'
import type { Command } from 'commander'
import type { KernelDescription, KernelList } from '../../schema/kernel-description.ts'
import { readConfig } from '../config/read-config.ts'
import { ensureTools } from '../doctor/ensure-tools.ts'
import { EXIT, PlumpError } from '../errors.ts'
import { addKernel, type KernelSource } from '../kernel/add-kernel.ts'
import { kernelWarnings } from '../kernel/describe-kernel.ts'
import { checkKernelName } from '../kernel/kernel-names.ts'
import { forgetKernel, kernelExists, readKernelDescriptions } from '../kernel/kernel-store.ts'
import { interruption } from '../os/interruption.ts'
import { openBuild, ownKernelsFolder } from '../pipeline/open-build.ts'
import { chooseListener } from './listener.ts'

interface Options {
  config?: string
  json?: boolean
}

interface AddOptions extends Options {
  image?: string
  modules?: string
  kernelConfig?: string
  systemMap?: string
  deb?: string
  suitePackage?: string
  refresh?: boolean
}

export function registerKernel(program: Command): void {
  const kernel = program.command('kernel').description('Add, list and remove kernels of your own; each becomes an entry of the boot menu beside Debian\'s.')
  const verb = (name: string, description: string): Command => kernel.command(name).description(description)
    .option('--config <file>', 'use this file instead of plump.yaml')
    .option('--json', 'print what was done or found as JSON')
  verb('add', 'Take a kernel in and check that nodes can run with it.')
    .argument('<name>', 'up to 8 letters and digits, then at most one dot and 3 more: its folder and its name in the boot menu')
    .option('--image <file>', 'its bzImage; needs --modules')
    .option('--modules <file>', 'a tarball of its lib/modules/VERSION, or that folder')
    .option('--kernel-config <file>', 'its .config, so that everything can be checked (with --image)')
    .option('--system-map <file>', 'its System.map (with --image)')
    .option('--deb <file>', 'a Debian package with a kernel, as Debian\'s own or from make bindeb-pkg')
    .option('--suite-package <name>', 'a kernel package of the base suite, as in linux-image-rt-amd64')
    .option('--refresh', 'ask the mirror for newer packages even when its lists are fresh')
    .action(add)
  verb('list', 'Tell what kernels there are, and what will not work with which.').action(list)
  verb('remove', 'Take a kernel out again.').argument('<name>', 'its name').action(remove)
}

async function add(name: string, options: AddOptions): Promise<void> {
  const source = sourceOf(options)
  const signal = interruption()
  await ensureTools('build', { signal })
  const listener = chooseListener({ json: false, verbose: false })
  const open = () => openBuild({
    ...(options.config === undefined ? {} : { configFile: options.config }),
    fast: false, refresh: options.refresh ?? false, missingKernels: true, signal, emit: (event) => listener.emit(event),
  })
  const build = await open()
  checkKernelName(name, build.kernels, `kernel add ${name}`)
  try {
    await addKernel(build, name, source)
    const [description] = await readKernelDescriptions(await open(), [name])
    await listener.end()
    if (description) tellAdded(description, build.paths.kernels, options.json ?? false)
  } catch (error) {
    await forgetKernel(build.paths.kernels, name)
    throw error
  } finally {
    await listener.end()
  }
}

function sourceOf(options: AddOptions): KernelSource {
  const { image, modules, deb, suitePackage } = options
  const files = image !== undefined || modules !== undefined
  if ([files, deb !== undefined, suitePackage !== undefined].filter(Boolean).length === 1) {
    if (deb !== undefined) return { kind: 'deb', file: deb }
    if (suitePackage !== undefined) return { kind: 'suite', package: suitePackage }
    if (image !== undefined && modules !== undefined) {
      return {
        kind: 'files', image, modules,
        ...(options.kernelConfig === undefined ? {} : { config: options.kernelConfig }),
        ...(options.systemMap === undefined ? {} : { systemMap: options.systemMap }),
      }
    }
  }
  throw new PlumpError('USAGE', 'kernel add needs one source: --image and --modules, or --deb, or --suite-package', {
    fix: './plump kernel add rt --suite-package linux-image-rt-amd64', exitCode: EXIT.usage,
  })
}

function tellAdded(description: KernelDescription, folder: string, json: boolean): void {
  if (json) return void process.stdout.write(`${JSON.stringify(description, undefined, 2)}\n`)
  for (const warning of kernelWarnings(description)) process.stderr.write(`warning: ${warning}\n`)
  process.stdout.write(`${join(folder, description.name)}: ${description.version}, ${description.modules.count} modules; ./plump build puts it into the ISO\n`)
}

async function list(options: Options): Promise<void> {
  const signal = interruption()
  const listener = chooseListener({ json: false, verbose: false })
  await ensureTools('build', { signal })
  try {
    const build = await openBuild({
      ...(options.config === undefined ? {} : { configFile: options.config }),
      fast: false, refresh: false, missingKernels: true, signal, emit: (event) => listener.emit(event),
    })
    const kernels = await readKernelDescriptions(build, build.kernels)
    await listener.end()
    const found: KernelList = { folder: build.paths.kernels, default: build.config.kernels.default, kernels }
    process.stdout.write(options.json ? `${JSON.stringify(found, undefined, 2)}\n` : kernelTable(found))
  } finally {
    await listener.end()
  }
}

const SIGNED = { debian: 'signed by Debian', other: 'signed by another', none: 'not signed' }

/** One line a kernel and, below it, one a warning. */
function kernelTable({ default: chosen, kernels }: KernelList): string {
  const width = Math.max(...kernels.map(({ name }) => name.length))
  return kernels.flatMap((kernel) => [
    `${kernel.name === chosen ? '*' : ' '} ${kernel.name.padEnd(width)}  ${kernel.version}  ${(kernel.imageBytes / 1e6).toFixed(1)} MB, ${kernel.modules.count} modules, ${SIGNED[kernel.signature]}`,
    ...kernelWarnings(kernel).map((warning) => `    ${warning}`),
  ]).map((line) => `${line}\n`).join('')
}

async function remove(name: string, options: Options): Promise<void> {
  const config = await readConfig(options.config)
  const folder = ownKernelsFolder(config, options.config)
  if (!(await kernelExists(folder, name))) {
    throw new PlumpError('NO_KERNEL', `there is no kernel ${name} in ${folder}`, { fix: './plump kernel list', exitCode: EXIT.usage })
  }
  await forgetKernel(folder, name)
  if (config.kernels.default === name) process.stderr.write(`warning: kernels.default in plump.yaml names ${name}; the next build will ask for another\n`)
  process.stdout.write(options.json ? `${JSON.stringify({ removed: join(folder, name) })}\n` : `removed ${join(folder, name)}\n`)
}
