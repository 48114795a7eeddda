/** What `modinfo` tells of one kernel module, as far as the image needs it. */
export interface ModuleInfo {
  /** As the kernel calls it: with underscores. */
  name: string
  /** Relative to the module tree: `kernel/drivers/net/tun.ko.xz`. */
  path: string
  /** Modules whose symbols it uses; it cannot be loaded without them. */
  depends: string[]
  /** Names or aliases it asks to have loaded before it. */
  softdepPre: string[]
  softdepPost: string[]
  /** Modules it may ask for while it runs (kmod 33 and later know them). */
  weakdep: string[]
  /** Files it may request, with globs, relative to the firmware folder. */
  firmware: string[]
  /** Aliases that are plain names, such as `crypto-crc32c` or `fs-iso9660`; the ones of devices stay in modules.alias. */
  aliases: string[]
  /** Whether it carries a signature; one locked down by Secure Boot loads no other. */
  signed: boolean
}

/** The modules of one kernel, and what is built into it. */
export interface KernelModules {
  modules: ModuleInfo[]
  builtin: BuiltinModules
}

export interface BuiltinModules {
  /** Module names, with underscores. */
  names: string[]
  aliases: string[]
  firmware: string[]
}

/** `kernel/drivers/net/ppp/bsd-comp.ko.xz` -> `bsd_comp`; `-` and `_` mean the same to modprobe. */
export function moduleNameOf(path: string): string {
  const file = path.slice(path.lastIndexOf('/') + 1)
  return canonicalName(file.replace(/\.ko(\.(xz|zst|gz))?$/, ''))
}

export function canonicalName(name: string): string {
  return name.replaceAll('-', '_')
}

/**
 * Reads what `modinfo FILE…` prints: one record a module, each beginning with `filename:`. `treeFolder` is cut off the
 * file names. Words of a softdep before any `pre:` or `post:` are dropped, as libkmod does.
 */
export function parseModinfo(text: string, treeFolder: string): ModuleInfo[] {
  const modules: ModuleInfo[] = []
  let current: ModuleInfo | undefined
  for (const line of text.split('\n')) {
    const match = /^([a-z]+):\s+(.*)$/.exec(line)
    const field = match?.[1]
    const value = match?.[2] ?? ''
    if (field === 'filename') {
      const path = value.startsWith(`${treeFolder}/`) ? value.slice(treeFolder.length + 1) : value
      current = { name: moduleNameOf(path), path, depends: [], softdepPre: [], softdepPost: [], weakdep: [], firmware: [], aliases: [], signed: false }
      modules.push(current)
    } else if (current && field !== undefined) {
      addField(current, field, value)
    }
  }
  return modules
}

function addField(module: ModuleInfo, field: string, value: string): void {
  if (field === 'depends') module.depends.push(...value.split(',').filter((name) => name !== '').map(canonicalName))
  else if (field === 'firmware') module.firmware.push(value)
  else if (field === 'alias' && !/[:*?[]/.test(value)) module.aliases.push(value)
  else if (field === 'weakdep') module.weakdep.push(...words(value))
  else if (field === 'signer' || field === 'signature') module.signed = true
  else if (field === 'softdep') addSoftdep(module, words(value))
}

function addSoftdep(module: ModuleInfo, softdep: readonly string[]): void {
  let target: string[] | undefined
  for (const word of softdep) {
    if (word === 'pre:') target = module.softdepPre
    else if (word === 'post:') target = module.softdepPost
    else target?.push(word)
  }
}

function words(value: string): string[] {
  return value.split(/\s+/).filter((word) => word !== '')
}

/** Reads modules.builtin (a path a line) and modules.builtin.modinfo (NUL-separated `module.field=value`). */
export function parseBuiltin(builtin: string, builtinModinfo: string): BuiltinModules {
  const fields = builtinModinfo.split('\0')
  const valuesOf = (field: string) => fields.flatMap((entry) => {
    const match = /^([^.=]+)\.([^=]+)=(.*)$/s.exec(entry)
    return match?.[2] === field && match[3] !== undefined ? [match[3]] : []
  })
  return {
    names: builtin.split('\n').filter((line) => line !== '').map(moduleNameOf),
    aliases: valuesOf('alias'),
    firmware: valuesOf('firmware'),
  }
}
