import { dirname, matchesGlob, posix } from 'node:path'
import { canonicalName, type ModuleInfo } from './module-info.ts'

/** What one module may ask for. */
export type FirmwareWish = Pick<ModuleInfo, 'name' | 'firmware'>

/** The wishes of several kernels as one list, by module: sorted, each name once. */
export function mergeWishes(wishes: readonly FirmwareWish[]): FirmwareWish[] {
  const merged = new Map<string, Set<string>>()
  for (const { name, firmware } of wishes) merged.set(name, new Set([...merged.get(name) ?? [], ...firmware]))
  return [...merged].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, firmware]) => ({ name, firmware: [...firmware].toSorted() }))
}

/** What the firmware packages hold: regular files, and links with their targets as written. Paths are relative to /usr/lib/firmware. */
export interface FirmwareStock {
  /** With the ending the stored file has beside its name: none, `.xz` or `.zst`. */
  files: ReadonlyMap<string, string>
  links: ReadonlyMap<string, string>
}

export interface FirmwareSelection {
  /** Files to copy, sorted. */
  files: string[]
  /** Links to make, sorted by path, with their targets as written. */
  links: FirmwareLink[]
  /** Names modules ask for that no package has, by module. */
  missing: { module: string; firmware: string[] }[]
}

export interface FirmwareLink {
  path: string
  target: string
  kind: 'file' | 'folder'
}

/**
 * Names that a driver requests without telling modinfo, by module: found in the drivers' sources. A name with a glob is fine.
 */
export const FIRMWARE_OVERRIDES: Readonly<Record<string, readonly string[]>> = {
  // ice_ddp looks for a package for the card's serial number, then for the default one, and modinfo knows the link only.
  ice: ['intel/ice/ddp/ice.pkg'],
}

/** Files a driver falls back to when the newer one beside them is absent, which it is not. bnx2x: bnx2x_init_firmware in bnx2x_main.c. */
const SUPERSEDED: readonly RegExp[] = [/^bnx2x\/.*-7\.13\.15\.0\.fw$/]

/**
 * The firmware the modules ask for, by name or glob: files, and every link on the way to one. modinfo is not complete (see
 * {@link FIRMWARE_OVERRIDES}) and names files of cards that were never sold; what no package has is listed, not an error.
 */
export function selectFirmware(modules: readonly FirmwareWish[], stock: FirmwareStock): FirmwareSelection {
  const paths = [...stock.files.keys(), ...stock.links.keys()]
  const files = new Set<string>()
  const links = new Map<string, FirmwareLink>()
  const missing: FirmwareSelection['missing'] = []
  for (const module of modules) {
    const wanted = [...new Set([...module.firmware, ...(FIRMWARE_OVERRIDES[canonicalName(module.name)] ?? [])])]
      .filter((path) => !SUPERSEDED.some((superseded) => superseded.test(path)))
    const absent = wanted.filter((pattern) => {
      const found = isGlob(pattern) ? paths.filter((path) => matchesGlob(path, pattern)) : [pattern]
      return !found.map((path) => take(path, stock, files, links)).includes(true)
    })
    if (absent.length > 0) missing.push({ module: module.name, firmware: absent.toSorted() })
  }
  return {
    files: [...files].toSorted(),
    links: [...links.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    missing,
  }
}

/** Follows links, also of folders on the way, to a file; remembers what it went by. False when the way ends nowhere. */
function take(path: string, stock: FirmwareStock, files: Set<string>, links: Map<string, FirmwareLink>): boolean {
  const LONGEST_CHAIN = 8
  const passed: FirmwareLink[] = []
  let current = path
  for (let step = 0; step < LONGEST_CHAIN && !stock.files.has(current); step++) {
    const link = linkOnTheWay(current, stock.links)
    if (!link) return false
    passed.push({ path: link.path, target: link.target, kind: link.rest === '' ? 'file' : 'folder' })
    current = posix.normalize(posix.join(dirname(link.path), link.target, link.rest))
  }
  if (!stock.files.has(current)) return false
  files.add(current)
  for (const link of passed) links.set(link.path, link)
  return true
}

function linkOnTheWay(path: string, links: ReadonlyMap<string, string>): { path: string; target: string; rest: string } | undefined {
  const parts = path.split('/')
  for (let length = parts.length; length > 0; length--) {
    const head = parts.slice(0, length).join('/')
    const target = links.get(head)
    if (target !== undefined) return { path: head, target, rest: parts.slice(length).join('/') }
  }
  return undefined
}

function isGlob(pattern: string): boolean {
  return /[*?[]/.test(pattern)
}
