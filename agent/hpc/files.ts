import { ERRNO } from './ninep.ts'
import { FileError, type Entry, type Folder } from './ninep-server.ts'

/** Makes and reads the small texts below /hpc. */

export function folder(entries: Readonly<Record<string, Entry>>): Folder {
  return { kind: 'folder', names: () => Object.keys(entries), entry: (name) => (Object.hasOwn(entries, name) ? entries[name] : undefined) }
}

export function line(value: number): string {
  return `${value}\n`
}

/** The writer gets EINVAL. */
export function refuse(message: string): never {
  throw new FileError(ERRNO.EINVAL, message)
}

/** `0` or `1`; anything else is an error to the writer. */
export function readSwitch(text: string): boolean {
  return readWhole(text, 0, 1) === 1
}

export function readWhole(text: string, least: number, most: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  return value >= least && value <= most ? value : refuse(`a whole number from ${least} to ${most} was expected`)
}
