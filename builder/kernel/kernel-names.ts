import { KERNEL_NAME } from '../../schema/plump-yaml.ts'
import { EXIT, PlumpError } from '../errors.ts'

/** The kernel every image has: Debian's signed one, under this name in /kernels of the ISO and in the boot menu. */
export const DEBIAN_KERNEL = 'debian'

const NAME_CHARS = 8
const EXTENSION_CHARS = 3

/**
 * Makes sure that a name can be that of a kernel: DOS 8.3 (up to 8 letters and digits, then at most one dot and 3 more), and none that is
 * `taken` already; upper and lower case are the same, as on FAT. Throws KERNEL_NAME with a name that would do.
 */
export function checkKernelName(name: string, taken: readonly string[], where: string): void {
  const clash = taken.find((other) => other.toLowerCase() === name.toLowerCase())
  if (KERNEL_NAME.test(name) && clash === undefined) return
  const why = clash === undefined
    ? 'a kernel\'s name has up to 8 letters and digits, then at most one dot and 3 more (DOS 8.3)'
    : clash === DEBIAN_KERNEL ? 'that is Debian\'s kernel, which every image has' : `there is a kernel ${clash}`
  throw new PlumpError('KERNEL_NAME', `${where}: ${why}`, { fix: `call it ${proposeKernelName(name, taken)}`, exitCode: EXIT.usage })
}

/** A name like the given one that is allowed and free: `linux-6.12-rt` becomes `linux612.rt`. */
export function proposeKernelName(name: string, taken: readonly string[]): string {
  const used = new Set(taken.map((other) => other.toLowerCase()))
  const parts = name.replaceAll(/[^A-Za-z0-9.]/g, '').split('.').filter((part) => part !== '')
  const last = parts.length > 1 && (parts.at(-1)?.length ?? 0) <= EXTENSION_CHARS ? `.${parts.at(-1)}` : ''
  const stem = (last === '' ? parts : parts.slice(0, -1)).join('').slice(0, NAME_CHARS) || 'kernel'
  const candidates = [`${stem}${last}`, ...Array.from({ length: used.size + 1 }, (_, index) => {
    const number = String(index + 2)
    return `${stem.slice(0, NAME_CHARS - number.length)}${number}${last}`
  })]
  return candidates.find((candidate) => !used.has(candidate.toLowerCase())) ?? stem
}
