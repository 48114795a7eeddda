/** What of the node is mounted into a job's root: it stays the node's, and the job finds the like of it on every node. */
export interface BoundMount {
  /** Where the job sees it. */
  path: string
  /** What it is on this node. */
  from: string
}

/** The mounts of a job, in their order. */
export function boundMounts({ homeRoot }: { homeRoot: string }): BoundMount[] {
  return [
    { path: '/dev', from: '/dev' },
    { path: '/dev/pts', from: '/dev/pts' },
    { path: '/dev/shm', from: `${homeRoot}/var/lib/plump/shm` },
    { path: '/sys', from: '/sys' },
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
