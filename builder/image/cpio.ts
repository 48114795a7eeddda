/**
 * The "newc" cpio format of an initramfs (Linux, Documentation/driver-api/early-userspace/buffer-format.rst). Written here and not by
 * cpio(1), because a device node in a folder needs root and one in a header does not.
 */

export type CpioEntry =
  | { kind: 'folder'; path: string; mode: number }
  | { kind: 'file'; path: string; mode: number; data: Uint8Array }
  | { kind: 'link'; path: string; target: string }
  | { kind: 'character-device'; path: string; mode: number; major: number; minor: number }

const TYPE_BITS = { folder: 0o040000, file: 0o100000, link: 0o120000, 'character-device': 0o020000 }
const TRAILER = 'TRAILER!!!'
/** The kernel reads a further archive only from a multiple of 4; whole sectors are what cpio(1) writes. */
const BLOCK_BYTES = 512

/**
 * One archive, owner 0, every time stamp `epochSeconds`, entries sorted by path and numbered in that order: the same entries give the same
 * bytes. Parent folders must be among the entries. Ends on a multiple of 512 bytes, so that another archive may follow.
 */
export function encodeCpio(entries: readonly CpioEntry[], epochSeconds: number): Uint8Array {
  const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : 1))
  const parts = sorted.flatMap((entry, position) => encodeEntry(entry, position + 1, epochSeconds))
  parts.push(header(TRAILER, { inode: 0, mode: 0, links: 1, seconds: 0, bytes: 0, major: 0, minor: 0 }))
  const bytes = parts.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([...parts, Buffer.alloc(padding(bytes, BLOCK_BYTES))])
}

function encodeEntry(entry: CpioEntry, inode: number, seconds: number): Uint8Array[] {
  const data = entry.kind === 'file' ? entry.data : entry.kind === 'link' ? Buffer.from(entry.target) : new Uint8Array()
  const head = header(entry.path, {
    inode,
    mode: TYPE_BITS[entry.kind] | (entry.kind === 'link' ? 0o777 : entry.mode),
    links: entry.kind === 'folder' ? 2 : 1,
    seconds,
    bytes: data.length,
    major: entry.kind === 'character-device' ? entry.major : 0,
    minor: entry.kind === 'character-device' ? entry.minor : 0,
  })
  return [head, data, Buffer.alloc(padding(data.length, 4))]
}

interface HeaderFields {
  inode: number
  mode: number
  links: number
  seconds: number
  bytes: number
  major: number
  minor: number
}

function header(path: string, { inode, mode, links, seconds, bytes, major, minor }: HeaderFields): Uint8Array {
  const name = Buffer.from(`${path}\0`)
  // magic, inode, mode, uid, gid, links, mtime, size, device major and minor, of a device node major and minor, name size, checksum
  const fields = [inode, mode, 0, 0, links, seconds, bytes, 0, 0, major, minor, name.length, 0]
  const head = Buffer.from(`070701${fields.map((value) => value.toString(16).toUpperCase().padStart(8, '0')).join('')}`)
  return Buffer.concat([head, name, Buffer.alloc(padding(head.length + name.length, 4))])
}

function padding(bytes: number, multiple: number): number {
  return (multiple - (bytes % multiple)) % multiple
}
