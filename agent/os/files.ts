import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Text of a file, undefined when it is not there or cannot be read (sysfs files of a device that just went, for one). */
export function readTextIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** Names in a folder, none when it is not there. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** Writes a file aside and renames it, so that a reader never sees half of it; makes its folder when needed. */
export function writeAtomically(path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true })
  const aside = `${path}.new`
  writeFileSync(aside, text, { mode })
  renameSync(aside, path)
}

/** Takes a folder away when nothing is left in it, and nothing is mounted on it. */
export function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && (error.code === 'ENOTEMPTY' || error.code === 'ENOENT' || error.code === 'EBUSY'))) throw error
  }
}
