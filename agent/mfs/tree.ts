import { meshAddress } from '../../schema/mesh-address.ts'
import type { NodeId } from '../../schema/node-state.ts'
import { clientLine, EXPORT_FLAGS, exportLines, forgetLine, hideLine, type CacheLine } from './nfsd-caches.ts'
import { hiddenMounts, sharedMounts, type Mount } from './mounts.ts'

/**
 * What nodes see of each other, as exports of the kernel's NFS server. There are two kinds of clients: `mesh`, the other nodes, for whom the root is
 * this node's root; and `self`, this node's own kernel, which mounts /mfs from here. /mfs is a folder of signposts: an entry for another node says
 * "over there" (a referral, RFC 8881, 11.5), and the kernel mounts that node by itself when somebody steps in.
 */

/** One name in /mfs. */
export type Entry =
  | { kind: 'node'; id: NodeId }
  | { kind: 'self'; id: NodeId }
  | { kind: 'link'; target: string; number: number }

/** Names that every process may use, and where they lead. Those below /var/lib/plump/mfs lead to this node until a job has names of its own there. */
const LINKS: readonly { name: string; target: string }[] = [
  // A job's root is its home node's root, wherever it runs.
  { name: 'home', target: '/' },
  { name: 'lastexec', target: '/var/lib/plump/mfs/lastexec' },
  { name: 'selected', target: '/var/lib/plump/mfs/selected' },
  { name: 'magic', target: '/var/lib/plump/mfs/magic' },
]

/** All names in /mfs, for a node of id `self` and these others. */
export function mfsEntries(self: NodeId, others: readonly NodeId[]): Map<string, Entry> {
  const links = [{ name: 'here', target: String(self) }, ...LINKS]
  return new Map<string, Entry>([
    ...others.map((id): [string, Entry] => [String(id), { kind: 'node', id }]),
    [String(self), { kind: 'self', id: self }],
    ...links.map(({ name, target }, number): [string, Entry] => [name, { kind: 'link', target, number }]),
  ])
}

const SIGNPOST = EXPORT_FLAGS.readOnly | EXPORT_FLAGS.noSubtreeCheck
const FILES = EXPORT_FLAGS.async | EXPORT_FLAGS.noSubtreeCheck
/** Node ids are below it. */
const LINK_FSID_BASE = 0x10000

/** The folder of signposts itself. */
export function signpostRoot(folder: string): CacheLine[] {
  return [clientLine('127.0.0.1', 'self'), ...exportLines({ domain: 'self', path: folder, flags: SIGNPOST | EXPORT_FLAGS.v4Root, fsid: 0 })]
}

/** What the server must know of one entry, which lies at `path`. */
export function signpost(path: string, entry: Entry): CacheLine[] {
  switch (entry.kind) {
    case 'node': return exportLines({ domain: 'self', path, flags: SIGNPOST, fsid: entry.id, refer: meshAddress(entry.id) })
    case 'self': return exportLines({ domain: 'self', path, flags: SIGNPOST | EXPORT_FLAGS.v4Root, fsid: entry.id })
    case 'link': return exportLines({ domain: 'self', path, flags: SIGNPOST | EXPORT_FLAGS.v4Root, fsid: LINK_FSID_BASE + entry.number })
  }
}

export function noSignpost(path: string): CacheLine[] {
  return [forgetLine('self', path)]
}

/** This node's files as the others may see them: its root and its disks, not what the kernel shows in /proc, /sys and /dev, and no /mfs within. */
export function rootExports(mounts: readonly Mount[]): CacheLine[] {
  return [
    ...hiddenMounts(mounts).map((path) => hideLine('mesh', path)),
    ...exportLines({ domain: 'mesh', path: '/', flags: FILES, fsid: 0 }),
    ...sharedMounts(mounts).flatMap(({ path, major, minor }) => exportLines({ domain: 'mesh', path, flags: FILES, fsid: major * 2 ** 20 + minor })),
  ]
}

/** Another node is a client of this node's files. */
export function clientOfFiles(id: NodeId): CacheLine {
  return clientLine(meshAddress(id), 'mesh')
}
