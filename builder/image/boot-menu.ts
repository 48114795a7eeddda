import Handlebars from 'handlebars'
import type { PlumpYaml } from '../../schema/plump-yaml.ts'

/** What templates/grub.cfg.hbs shows. */
export interface BootMenu {
  timeoutSeconds: number
  serial: { unit: number; speed: number }
  /** `id` of the entry that starts by itself. */
  default: string
  entries: MenuEntry[]
}

export interface MenuEntry {
  id: string
  title: string
  /** Folder in /kernels of the medium. */
  kernel: string
  /** The kernel command line. */
  arguments: string
}

export interface MenuKernel {
  name: string
  version: string
}

/** One entry for each kernel, and one that checks the medium before it starts the default kernel. */
export function makeBootMenu(config: PlumpYaml, kernels: readonly MenuKernel[], imageId: string, version: string): BootMenu {
  const title = (kernel: MenuKernel) => `${config.menu.title} ${version} (${kernel.name} ${kernel.version})`
  const entries = kernels.map((kernel) => ({
    id: kernel.name, title: title(kernel), kernel: kernel.name, arguments: kernelArguments(config, kernel.name, imageId),
  }))
  const first = entries.find(({ id }) => id === config.kernels.default)
  const checking = first === undefined ? [] : [{
    ...first, id: 'check', title: `Check the medium, then start ${first.title}`, arguments: `${first.arguments} plump.check`,
  }]
  return {
    timeoutSeconds: config.menu.timeoutSeconds,
    serial: { unit: config.console.serial.port, speed: config.console.serial.speed },
    default: config.kernels.default,
    entries: [...entries, ...checking],
  }
}

/** The command line of one kernel of an image: the last console is the one that gets the kernel's own output from user space. */
export function kernelArguments(config: PlumpYaml, kernelName: string, imageId: string): string {
  const { port, speed } = config.console.serial
  const added = [config.kernels.arguments, config.kernels.byName[kernelName]?.arguments ?? ''].join(' ').split(/\s+/).filter((word) => word !== '')
  return ['quiet', 'console=tty0', `console=ttyS${port},${speed}`, `plump.image=${imageId}`, ...added].join(' ')
}

/** Renders the template of a GRUB configuration. */
export function renderBootMenu(template: string, menu: BootMenu): string {
  const handlebars = Handlebars.create()
  handlebars.registerHelper('quote', quoteForGrub)
  handlebars.registerHelper('escape', escapeForGrub)
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
