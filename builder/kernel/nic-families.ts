/** The modules of one kind of network card: what leaving them out would save. */
export interface NicFamily {
  /** `Ethernet: realtek`, `USB`, `PHYs`, `Wi-Fi: ath` … */
  family: string
  modules: string[]
  moduleBytes: number
  firmwareBytes: number
}

/** The family of a module by its place in the kernel's tree, where each maker has a folder; undefined for what is no network driver. */
export function nicFamilyOf(path: string): string | undefined {
  const below = /^kernel\/drivers\/net\/(.+)$/.exec(path)?.[1]?.split('/')
  if (!below) return undefined
  const [folder = '', maker] = below
  if (folder === 'ethernet') return below.length > 2 ? `Ethernet: ${maker}` : 'Ethernet: other'
  if (folder === 'wireless') return below.length > 2 ? `Wi-Fi: ${maker}` : 'Wi-Fi: other'
  if (folder === 'usb') return 'USB'
  return ['phy', 'mdio', 'pcs'].includes(folder) ? 'PHYs' : 'virtual and other'
}

/** Families below this are told of together. */
const SMALL_FAMILY_BYTES = 100_000

/** A module of a network card, with the bytes of its file. */
export interface NicModule {
  name: string
  path: string
  bytes: number
}

/**
 * Sums up modules and firmware by family, largest first. `firmwareOf` are the files of each module, `firmwareBytes` their sizes. A file that
 * two families ask for counts for the first of them by name.
 */
export function nicFamilies(modules: readonly NicModule[], firmwareOf: Readonly<Record<string, readonly string[]>>, firmwareBytes: Readonly<Record<string, number>>): NicFamily[] {
  const names = [...new Set(modules.flatMap(({ path }) => nicFamilyOf(path) ?? []))].toSorted()
  const counted = new Set<string>()
  return names.map((family): NicFamily => {
    const members = modules.filter(({ path }) => nicFamilyOf(path) === family)
    const files = [...new Set(members.flatMap(({ name }) => firmwareOf[name] ?? []))].filter((file) => !counted.has(file))
    for (const file of files) counted.add(file)
    return {
      family, modules: members.map(({ name }) => name),
      moduleBytes: members.reduce((sum, { bytes }) => sum + bytes, 0), firmwareBytes: files.reduce((sum, file) => sum + (firmwareBytes[file] ?? 0), 0),
    }
  }).toSorted((a, b) => b.moduleBytes + b.firmwareBytes - a.moduleBytes - a.firmwareBytes)
}

/** The same with all that take less than `limitBytes` summed up in one last line, for tables. */
export function withoutSmall(families: readonly NicFamily[], limitBytes = SMALL_FAMILY_BYTES): NicFamily[] {
  const isSmall = ({ moduleBytes, firmwareBytes }: NicFamily): boolean => moduleBytes + firmwareBytes < limitBytes
  const small = families.filter(isSmall)
  if (small.length < 2) return [...families]
  const rest: NicFamily = {
    family: `${small.length} smaller families`,
    modules: small.flatMap(({ modules }) => modules),
    moduleBytes: small.reduce((sum, { moduleBytes }) => sum + moduleBytes, 0),
    firmwareBytes: small.reduce((sum, { firmwareBytes }) => sum + firmwareBytes, 0),
  }
  return [...families.filter((family) => !isSmall(family)), rest]
}
