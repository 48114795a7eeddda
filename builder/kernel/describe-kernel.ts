import type { KernelDescription } from '../../schema/kernel-description.ts'
import { PlumpError } from '../errors.ts'
import type { BzImage } from './bzimage.ts'
import type { KernelModules } from './module-info.ts'
import { findLacks, type Lacks } from './requirements.ts'

/** The compressions of modules that Linux has and we can read (packed-modules.ts). */
const FORMATS = ['.ko', '.ko.xz', '.ko.zst', '.ko.gz']

export interface KernelParts {
  name: string
  image: BzImage & { bytes: number; sha256: string }
  modules: KernelModules
  /** Name of the folder below lib/modules. */
  modulesVersion: string
  config: ReadonlyMap<string, string> | undefined
}

/**
 * Everything worth knowing about a kernel. Throws KERNEL_VERSION when image and modules do not belong together, KERNEL_MODULES for a format
 * of modules nobody can load, and KERNEL_LACKS when no node could start with it.
 */
export function describeKernel({ name, image, modules, modulesVersion, config }: KernelParts): KernelDescription {
  checkVersions(name, image.version, modulesVersion)
  const formats = countFormats(name, modules)
  const lacks = findLacks(config, modules)
  checkVital(name, lacks)
  const unsigned = modules.modules.filter(({ signed }) => !signed).length
  return {
    name,
    version: image.version,
    imageBytes: image.bytes,
    imageSha256: image.sha256,
    signature: image.signature,
    modules: { count: modules.modules.length, unsigned, formats },
    lacks: lacks.missing.map(({ config: key, without }) => ({ config: key, without })),
    unchecked: lacks.unknown.map(({ config: key }) => key),
    notes: notesOn(image, modules.modules.length, unsigned, lacks),
  }
}

/** A description's warnings for people, a line each. */
export function kernelWarnings({ name, lacks, notes }: KernelDescription): string[] {
  return [...lacks.map(({ config, without }) => `kernel ${name} lacks ${config}: ${without}`), ...notes.map((note) => `kernel ${name}: ${note}`)]
}

function checkVersions(name: string, imageVersion: string, modulesVersion: string): void {
  if (imageVersion === modulesVersion) return
  throw new PlumpError('KERNEL_VERSION', `kernel ${name}: bzImage is ${imageVersion} and its modules are for ${modulesVersion}; it would find none of them`, {
    fix: 'take both from one build: make bzImage modules, then make modules_install',
  })
}

function countFormats(name: string, { modules }: KernelModules): Record<string, number> {
  const formats: Record<string, number> = {}
  for (const { path } of modules) {
    const ending = /\.ko(\.\w+)?$/.exec(path)?.[0] ?? path
    if (!FORMATS.includes(ending)) {
      throw new PlumpError('KERNEL_MODULES', `kernel ${name}: ${path} is in a format that cannot be loaded; ${FORMATS.join(', ')} can`, {
        fix: 'build the kernel with CONFIG_MODULE_COMPRESS_XZ, _ZSTD, _GZIP or _NONE',
      })
    }
    formats[ending] = (formats[ending] ?? 0) + 1
  }
  return formats
}

function checkVital(name: string, { missing }: Lacks): void {
  const vital = missing.filter((requirement) => requirement.vital)
  if (vital.length === 0) return
  throw new PlumpError('KERNEL_LACKS', [`no node can start with kernel ${name}:`, ...vital.map(({ config, without }) => `  it lacks ${config}: ${without}`)].join('\n'), {
    fix: 'build it with these set to y (or m, where modules.tgz has the module), or remove it: ./plump kernel remove NAME',
  })
}

function notesOn(image: BzImage, modules: number, unsigned: number, lacks: Lacks): string[] {
  const notes: string[] = []
  if (image.signature === 'none') notes.push('it is not signed: a PC with Secure Boot on does not start it; switch Secure Boot off there, or sign it with a key of yours and enroll that')
  if (image.signature === 'other') notes.push('it is signed, but not by Debian: with Secure Boot on it starts only on PCs where its key is enrolled (mokutil --import)')
  if (unsigned > 0) notes.push(`${unsigned} of its ${modules} modules are not signed: with Secure Boot on the kernel loads none of these`)
  if (lacks.unknown.length > 0) notes.push(`it came without its config, so ${lacks.unknown.length} things nodes use cannot be checked`)
  return notes
}
