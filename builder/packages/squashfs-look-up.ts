import { run } from '../os/run.ts'
import type { Present } from '../../schema/package-rules.ts'

/** A line of `unsquashfs -lls`: type and mode, owner, size (or device numbers), date, time, path, and the target of a link. */
const LINE = /^([a-z-])\S{9} \S+ +(?:\d+|\d+, *\d+) \d{4}-\d\d-\d\d \d\d:\d\d squashfs-root(?:\/(.*))?$/

/** What is where in a root that is packed already, for the rules of packages. */
export async function lookUpInSquashfs(file: string, signal?: AbortSignal): Promise<(path: string) => Present | undefined> {
  const listing = await run('unsquashfs', ['-lls', file], signal === undefined ? {} : { signal })
  const present = parseListing(listing)
  return (path) => present.get(path)
}

/** Reads the output of `unsquashfs -lls`. */
export function parseListing(listing: string): Map<string, Present> {
  const found = new Map<string, Present>()
  for (const line of listing.split('\n')) {
    const [, type, name] = LINE.exec(line) ?? []
    if (name === undefined) continue
    if (type === 'l') {
      const arrow = name.indexOf(' -> ')
      found.set(name.slice(0, arrow), { kind: 'link', target: name.slice(arrow + 4) })
    } else {
      found.set(name, { kind: type === 'd' ? 'folder' : 'file' })
    }
  }
  return found
}
