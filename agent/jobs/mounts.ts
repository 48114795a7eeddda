import type { JobId } from '../../schema/job.ts'
import type { NodeId } from '../../schema/node-state.ts'
import { sharedMounts, type Mount } from '../mfs/mounts.ts'
import { namesFolder, SHARED_MEMORY_FOLDER } from './places.ts'

/** What of the node is mounted into a job's root: it stays the node's, and the job finds the like of it on every node. */
export interface BoundMount {
  /** Where the job sees it. */
  path: string
  /** What it is on this node. */
  from: string
}

export interface JobPlace {
  id: JobId
  home: NodeId
  /** The node it runs on. */
  self: NodeId
  /** Where the root of its home is seen on this node. */
  homeRoot: string
}

/** Where a job has names of its own: /mfs/lastexec and /mfs/selected lead there. */
const NAMES = '/var/lib/plump/mfs'
const MFS = '/mfs'

/**
 * The mounts that a job starts with on a node that has these mounts itself, parents first. At home the disks of the node belong to its root;
 * elsewhere they come with the root, as the home's NFS server shows them. /hpc is not among them: the agent serves it and reads the job's output,
 * and a process that splices the one into the other holds the pipe while it waits for the agent, which then waits for the pipe.
 */
export function boundMounts({ id, home, self, homeRoot }: JobPlace, mounts: readonly Mount[]): BoundMount[] {
  const same = (path: string): BoundMount => ({ path, from: path })
  const paths = mounts.map(({ path }) => path)
  const inRoot = homeRoot === '/' ? '' : homeRoot
  return [
    ...(home === self ? sharedMounts(mounts).map(({ path }) => same(path)) : []),
    same('/dev'), same('/dev/pts'), { path: '/dev/shm', from: `${inRoot}${SHARED_MEMORY_FOLDER}` }, same('/sys'),
    { path: NAMES, from: `${inRoot}${namesFolder(id)}` },
    ...(paths.includes(MFS) ? [same(MFS)] : []),
    // What the node binds over its own entry: without it a job here would see an empty folder.
    ...mounts.filter(({ path, type }) => (path === `${MFS}/${self}` || path.startsWith(`${MFS}/${self}/`)) && !type.startsWith('nfs')).map(({ path }) => same(path)),
  ]
}

/** The same as a table for `mount -a` (fstab(5)), below a folder. */
export function mountTable(mounts: readonly BoundMount[], folder: string): string {
  return mounts.map(({ path, from }) => `${escaped(from)} ${escaped(folder + path)} none bind 0 0\n`).join('')
}

/** getmntent(3) reads these as octal. */
function escaped(path: string): string {
  return path.replace(/[\s\\#]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`)
}

/**
 * Those mounts of a job, by its own view, that are the node's and not the job's: what it started with, and what the kernel has mounted since
 * because the job stepped in, other nodes below /mfs and disks of its home.
 */
export function nodesMounts(seenByJob: readonly Mount[], bound: readonly BoundMount[]): string[] {
  const known = new Set(bound.map(({ path }) => path))
  return [...new Set(seenByJob.filter(({ path, type }) => path !== '/' && (known.has(path) || path.startsWith(`${MFS}/`) || type.startsWith('nfs'))).map(({ path }) => path))]
}

/** Those that one of its processes made, by the job's own view. */
export function ownMounts(seenByJob: readonly Mount[], bound: readonly BoundMount[]): string[] {
  const others = new Set(['/', '/proc', ...nodesMounts(seenByJob, bound)])
  return [...new Set(seenByJob.map(({ path }) => path).filter((path) => !others.has(path)))]
}

/** What a mount that a job brings along is on this node; `lives` tells which nodes have files below /mfs, `nothing` is an empty folder in the place of others. */
export function sourceOf(path: string, place: JobPlace, bound: readonly BoundMount[], lives: (node: NodeId) => boolean, nothing: string): string {
  const from = bound.find((mount) => mount.path === path)?.from
  if (from !== undefined) return from
  if (path.startsWith(`${MFS}/`)) return lives(Number(path.split('/')[2])) ? path : nothing
  return `${place.homeRoot === '/' ? '' : place.homeRoot}${path}`
}
