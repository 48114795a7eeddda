import { existsSync } from 'node:fs'
import { mkdir, readFile, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { newestIso } from '../config/newest-iso.ts'
import { EXIT, PlumpError } from '../errors.ts'
import { run } from '../os/run.ts'
import { parseClock, parseCpu, parseNics, usage, type MachineConfig, type Medium, type NodeOptions } from './options.ts'

const DEFAULT_MEMORY_MIB = 512
/** A busy host delays the timer of a machine that is emulated, which the kernel takes for a broken one and panics (kernel-parameters.txt). */
const CONSOLES = 'console=tty0 console=ttyS0,115200 no_timer_check'

/** Fills in what the caller left open and finds the files to boot. `folder` takes what has to be read out of an ISO. Throws PlumpError. */
export async function resolveMachine(options: NodeOptions, folder: string): Promise<MachineConfig> {
  const medium = options.medium ?? 'cd'
  if (medium !== 'kernel' && [options.append, options.kernel, options.kernelFiles].some((option) => option !== undefined)) {
    throw usage('--append and --kernel need --medium kernel: with other media the boot menu has kernels and command line', 'add --medium kernel')
  }
  return {
    memoryMiB: options.memoryMiB ?? DEFAULT_MEMORY_MIB,
    ...(options.preallocated === undefined ? {} : { preallocated: options.preallocated }),
    cpus: options.cpus ?? 1,
    firmware: options.firmware ?? 'bios',
    medium: await mediumOf(medium, options, folder),
    nics: parseNics(options.nics),
    ...(options.clock === undefined ? {} : { clock: parseClock(options.clock) }),
    ...(options.cpu === undefined ? {} : { cpu: parseCpu(options.cpu) }),
    ...(options.disk === undefined ? {} : { disk: resolve(options.disk) }),
  }
}

async function mediumOf(medium: NonNullable<NodeOptions['medium']>, options: NodeOptions, folder: string): Promise<Medium> {
  if (medium === 'kernel') return kernelMedium(options, folder)
  return medium === 'pxe' ? { kind: 'network' } : { kind: medium, iso: await newestIso(options.iso) }
}

async function kernelMedium(options: NodeOptions, folder: string): Promise<Medium> {
  const append = (...words: (string | undefined)[]): string => [CONSOLES, ...words].filter((word) => word !== undefined && word !== '').join(' ')
  if (options.kernelFiles && options.iso === undefined) return { kind: 'kernel', ...options.kernelFiles, append: append(options.append) }
  const iso = await newestIso(options.iso)
  const files = await readBootFiles(iso, options.kernel ?? 'debian', folder)
  return {
    kind: 'kernel', iso, kernel: options.kernelFiles?.kernel ?? files.kernel, initrd: options.kernelFiles?.initrd ?? files.initrd,
    append: append(`plump.image=${files.imageId}`, options.append),
  }
}

/** A kernel, its initrd and the image id out of an ISO; read once per lab and ISO. Throws NO_KERNEL. */
async function readBootFiles(iso: string, kernel: string, folder: string): Promise<{ kernel: string; initrd: string; imageId: string }> {
  const { ino, mtimeMs } = await stat(iso)
  const target = join(folder, `boot-${ino}-${Math.floor(mtimeMs)}-${kernel}`)
  const files = { kernel: join(target, 'bzImage'), initrd: join(target, 'initrd'), imageId: join(target, 'image-id') }
  if (!existsSync(files.imageId)) {
    await mkdir(target, { recursive: true, mode: 0o700 })
    await run('xorriso', [
      '-osirrox', 'on', '-indev', iso,
      '-extract', `/kernels/${kernel}/bzImage`, files.kernel, '-extract', `/kernels/${kernel}/initrd`, files.initrd, '-extract', '/plump/image-id', files.imageId,
    ], { limitSeconds: 120 }).catch((error: unknown) => {
      throw new PlumpError('NO_KERNEL', `${iso} has no kernel "${kernel}" that could be read`, { fix: './plump inspect ISO lists its kernels', exitCode: EXIT.usage, cause: error })
    })
  }
  return { ...files, imageId: (await readFile(files.imageId, 'utf8')).trim() }
}
