import Handlebars from 'handlebars'
import type { PlumpYaml } from '../../schema/plump-yaml.ts'

/** What templates/grub.cfg.hbs shows. */
export interface BootMenu {
  timeoutSeconds: number
  serial: { unit: number; speed: number }
  /** `id` of the entry that starts by itself. */
  default: string
  entries: MenuEntry[]
  /** The kernels, to be started by typing their name at GRUB's prompt, with more arguments after it. */
  commands: (Pick<MenuEntry, 'kernel' | 'arguments'> & { command: string })[]
}

export interface MenuEntry {
  id: string
  title: string
  /** The key that starts it at once; none of GRUB's own (c and e). */
  hotkey: string
  /** Folder in /kernels of the medium. */
  kernel: string
  /** The kernel command line. */
  arguments: string
}

export interface MenuKernel {
  name: string
  version: string
}

/** Other ways to start the default kernel. */
const WAYS = [
  { id: 'ram', hotkey: 'r', title: 'Copy to RAM, so that the medium can be taken out', argument: 'plump.toram' },
  { id: 'check', hotkey: 'm', title: 'Check the medium, then start', argument: 'plump.check' },
  { id: 'rescue', hotkey: 's', title: 'Rescue shell, before the root is mounted', argument: 'plump.shell' },
] as const

/** The keys of kernels, in their order: none of GRUB's own (c and e) and none of {@link WAYS}. A kernel beyond them has none. */
const KERNEL_KEYS = '123456789abdfghijklnopqtuvwxyz'

/** One entry for each kernel, in their order, then other ways to start the default one. */
export function makeBootMenu(config: PlumpYaml, kernels: readonly MenuKernel[], imageId: string, version: string): BootMenu {
  const entries = kernels.map((kernel, index) => {
    const hotkey = KERNEL_KEYS[index] ?? ''
    return {
      id: kernel.name, hotkey, title: `${hotkey === '' ? '' : `[${hotkey}] `}${config.menu.title} ${version} (${kernel.name} ${kernel.version})`,
      kernel: kernel.name, arguments: kernelArguments(config, kernel.name, imageId),
    }
  })
  const chosen = kernelArguments(config, config.kernels.default, imageId)
  const ways = WAYS.map(({ id, hotkey, title, argument }) => ({
    id, hotkey, title: `[${hotkey}] ${title}`, kernel: config.kernels.default, arguments: `${chosen} ${argument}`,
  }))
  return {
    timeoutSeconds: config.menu.timeoutSeconds,
    serial: { unit: config.console.serial.port, speed: config.console.serial.speed },
    default: config.kernels.default,
    entries: [...entries, ...ways],
    commands: entries.map(({ kernel, arguments: words }) => ({ command: grubCommand(kernel), kernel, arguments: words })),
  }
}

/** The menu of machines that start over the network: they run from RAM anyway. */
export function networkMenu(menu: BootMenu): BootMenu {
  return { ...menu, entries: menu.entries.filter(({ id }) => id !== 'ram') }
}

/** A kernel's name as GRUB lets a function be called: no dot and no digit first, so `linux612.rt` is typed `linux612_rt` and `612` is typed `k612`. */
export function grubCommand(kernelName: string): string {
  const word = kernelName.replace('.', '_')
  return /^\d/.test(word) ? `k${word}` : word
}

/** The command line of one kernel of an image: the last console is the one that gets the kernel's own output from user space. */
export function kernelArguments(config: PlumpYaml, kernelName: string, imageId: string): string {
  const { port, speed } = config.console.serial
  const added = [config.kernels.arguments, config.kernels.byName[kernelName]?.arguments ?? ''].join(' ').split(/\s+/).filter((word) => word !== '')
  return ['quiet', 'console=tty0', `console=ttyS${port},${speed}`, `plump.image=${imageId}`, ...added].join(' ')
}

/** Renders the template of a boot loader's configuration. */
export function renderBootMenu(template: string, menu: BootMenu): string {
  const handlebars = Handlebars.create()
  handlebars.registerHelper('quote', quoteForGrub)
  handlebars.registerHelper('escape', escapeForGrub)
  handlebars.registerHelper('plain', plainForIpxe)
  // 0 would have iPXE wait for ever.
  handlebars.registerHelper('milliseconds', (seconds: number) => Math.max(1, seconds * 1000))
  return handlebars.compile(template, { noEscape: true, strict: true })(menu)
}

/** A GRUB word in single quotes, in which only the quote itself has a meaning (GRUB manual, "Quoting"). */
export function quoteForGrub(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** GRUB words outside quotes, their blanks kept and every character with a meaning escaped; plain words stay readable in GRUB's editor. */
export function escapeForGrub(words: string): string {
  return words.replaceAll(/[^\sA-Za-z0-9_.,:=+@%/-]/g, '\\$&')
}

/** iPXE has no quoting: a text without the characters it gives a meaning (ipxe.org/scripting). */
export function plainForIpxe(text: string): string {
  return text.replaceAll(/[$&|]/g, '')
}
