import { constants, copyFile, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { downloadAll, downloadPath } from '../debian/download.ts'
import { openPrivateApt, useMachineProxy } from '../debian/private-apt.ts'
import { resolveKernelPackage } from '../debian/resolve.ts'
import { EXIT, PlumpError } from '../errors.ts'
import { run } from '../os/run.ts'
import { buildRun } from '../pipeline/build-run.ts'
import { fileSha256 } from '../pipeline/tree-digest.ts'
import type { Build } from '../pipeline/build.ts'
import type { KernelOrigin } from '../record/kernel-software.ts'
import { unpackKernelPackage } from './unpack-kernel.ts'

/** Where a kernel comes from. */
export type KernelSource =
  | { kind: 'files'; image: string; modules: string; config?: string; systemMap?: string }
  | { kind: 'deb'; file: string }
  | { kind: 'suite'; package: string }

/** Puts a kernel into the folder of kernels under a name that is free. Nothing is left behind when it fails. */
export async function addKernel(build: Build, name: string, source: KernelSource): Promise<void> {
  const aside = join(build.paths.kernels, `.${name}-${process.pid}`)
  await mkdir(aside, { recursive: true })
  try {
    if (source.kind === 'files') await takeFiles(build, source, aside)
    if (source.kind === 'deb') await takePackage(build, resolve(source.file), await originOf(source.file), aside)
    if (source.kind === 'suite') await takeSuitePackage(build, source.package, aside)
    build.signal.throwIfAborted()
    await rename(aside, join(build.paths.kernels, name))
  } finally {
    await rm(aside, { recursive: true, force: true })
  }
}

async function takeFiles(build: Build, source: Extract<KernelSource, { kind: 'files' }>, folder: string): Promise<void> {
  await take(source.image, join(folder, 'bzImage'))
  if (source.config !== undefined) await take(source.config, join(folder, 'config'))
  if (source.systemMap !== undefined) await take(source.systemMap, join(folder, 'System.map'))
  const info = await stat(source.modules).catch(() => undefined)
  if (info?.isDirectory()) await packModules(build, dirname(resolve(source.modules)), basename(resolve(source.modules)), join(folder, 'modules.tgz'))
  else await take(source.modules, join(folder, 'modules.tgz'))
}

async function take(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE).catch((error: NodeJS.ErrnoException) => {
    throw new PlumpError('NO_FILE', `${from} cannot be read: ${error.message}`, { fix: 'name a file that exists', exitCode: EXIT.usage, cause: error })
  })
}

async function takeSuitePackage(build: Build, name: string, folder: string): Promise<void> {
  const record = await resolveKernelPackage(await openPrivateApt(build, { freshen: true }), name)
  const downloads = join(build.paths.downloads, 'debs')
  const forgetProxy = await useMachineProxy()
  await downloadAll([record], { folder: downloads, signal: build.signal, onProgress: () => undefined, onDamaged: () => undefined }).finally(forgetProxy)
  await takePackage(build, downloadPath(downloads, record), { package: record.name, version: record.version, sha256: record.sha256, suite: true }, folder)
}

async function originOf(deb: string): Promise<KernelOrigin> {
  const field = async (name: string): Promise<string> => (await run('dpkg-deb', ['-f', deb, name])).trim()
  return { package: await field('Package'), version: await field('Version'), sha256: await fileSha256(deb), suite: false }
}

/** Takes a package apart into the layout of the folder of kernels. */
async function takePackage(build: Build, deb: string, origin: KernelOrigin, folder: string): Promise<void> {
  const unpacked = join(folder, 'package')
  await mkdir(unpacked)
  const version = await unpackKernelPackage(deb, unpacked, build.signal)
  for (const name of ['bzImage', 'config', 'System.map']) await rename(join(unpacked, name), join(folder, name)).catch(ignoreAbsent)
  await rename(join(unpacked, 'modules'), join(unpacked, version))
  await packModules(build, unpacked, version, join(folder, 'modules.tgz'))
  await rm(unpacked, { recursive: true })
  await writeFile(join(folder, 'origin.json'), `${JSON.stringify(origin, undefined, 1)}\n`)
}

function ignoreAbsent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}

/** PARENT/VERSION as a tarball of lib/modules/VERSION: the same bytes for the same modules; most are compressed already. */
async function packModules(build: Build, parent: string, version: string, target: string): Promise<void> {
  await buildRun(build, 'tar', [
    '-C', parent, '--sort=name', '--owner=0', '--group=0', '--numeric-owner', `--mtime=@${build.epochSeconds}`,
    `--exclude=${version}/build`, `--exclude=${version}/source`, '--transform=s,^,lib/modules/,S', '-I', 'gzip -1 -n', '-cf', target, version,
  ])
}
