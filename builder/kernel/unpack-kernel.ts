import { access, constants, copyFile, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PlumpError } from '../errors.ts'
import { run } from '../os/run.ts'

/** Where packages and tarballs have the modules: with and without merged /usr. */
const MODULE_FOLDERS = ['usr/lib/modules', 'lib/modules'] as const
/** What modprobe's indexes are made from; kernels older than 5.2 have no modules.builtin.modinfo, and tarballs made by hand may lack any. */
const LISTS = ['modules.order', 'modules.builtin', 'modules.builtin.modinfo'] as const

/**
 * Takes a kernel package apart: bzImage, config and System.map where it has them, and modules/ go to `folder`. Gives its version. Throws
 * KERNEL_PACKAGE.
 */
export async function unpackKernelPackage(deb: string, folder: string, signal: AbortSignal): Promise<string> {
  const unpacked = join(folder, 'unpacked')
  await run('dpkg-deb', ['-x', deb, unpacked], { signal })
  const boot: string[] = await readdir(join(unpacked, 'boot')).catch(() => [])
  const images = boot.flatMap((name) => /^vmlinuz-(.*)$/.exec(name)?.[1] ?? [])
  const [version, second] = images
  if (version === undefined || second !== undefined) {
    throw new PlumpError('KERNEL_PACKAGE', `${deb} has ${images.length === 0 ? 'no boot/vmlinuz-VERSION' : `${images.length} kernels`}; a package with one kernel and its modules is needed`, {
      fix: 'take a linux-image package (not -headers, -libc-dev or -dbg)',
    })
  }
  await rename(join(unpacked, `boot/vmlinuz-${version}`), join(folder, 'bzImage'))
  for (const name of ['config', 'System.map']) {
    if (boot.includes(`${name}-${version}`)) await rename(join(unpacked, 'boot', `${name}-${version}`), join(folder, name))
  }
  await takeModules(unpacked, folder, deb)
  return version
}

/** Unpacks a kernel of kernels/NAME: `folder` gets its bzImage, its config where it has one, and modules/. Throws KERNEL_MODULES. */
export async function unpackOwnKernel(source: string, folder: string, signal: AbortSignal): Promise<void> {
  await copyFile(join(source, 'bzImage'), join(folder, 'bzImage'), constants.COPYFILE_FICLONE)
  if (await access(join(source, 'config')).then(() => true, () => false)) await copyFile(join(source, 'config'), join(folder, 'config'))
  const unpacked = join(folder, 'unpacked')
  await mkdir(unpacked)
  // The links `build` and `source` lead to the sources on the machine the kernel was built on.
  await run('tar', [
    '-xf', join(source, 'modules.tgz'), '-C', unpacked, '--no-same-owner', '--no-same-permissions',
    '--exclude=lib/modules/*/build', '--exclude=lib/modules/*/source',
  ], { signal })
  await takeModules(unpacked, folder, join(source, 'modules.tgz'))
}

/** Moves UNPACKED/lib/modules/VERSION to modules/ and writes VERSION into `version`; the rest goes. */
async function takeModules(unpacked: string, folder: string, from: string): Promise<void> {
  const found = await Promise.all(MODULE_FOLDERS.map(async (parent) => (await readdir(join(unpacked, parent)).catch(() => [])).map((name) => join(parent, name))))
  const [path, second] = found.flat()
  if (path === undefined || second !== undefined) {
    throw new PlumpError('KERNEL_MODULES', `${from} must have one folder lib/modules/VERSION; it has ${found.flat().join(', ') || 'none'}`, {
      fix: 'make it with: make modules_install INSTALL_MOD_PATH=DIR && tar -C DIR -czf modules.tgz lib/modules',
    })
  }
  await rename(join(unpacked, path), join(folder, 'modules'))
  await rm(unpacked, { recursive: true })
  await Promise.all(LISTS.map((name) => writeFile(join(folder, 'modules', name), '', { flag: 'a' })))
  await writeFile(join(folder, 'version'), `${path.split('/').at(-1)}\n`)
}
