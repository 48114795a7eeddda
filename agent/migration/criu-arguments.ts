import type { BoundMount } from '../jobs/mounts.ts'
import { keyOf } from './mount-image.ts'

/** Command lines of CRIU for a job as rootfs-overlay/usr/lib/plump/job-start makes it. */

export const HOOK = '/usr/lib/plump/criu-hook'
/** Deleted files up to this size are carried in the images. */
const GHOST_LIMIT = '64M'

/** A descriptor that the node hands to a job: `pipe:[123]`, or `tty[RDEV:DEV]` in hexadecimal. */
export interface HandedOver {
  descriptor: number
  key: string
}

export interface DumpOptions {
  pid: number
  /** Of this round. */
  folder: string
  /** Of the round before, relative to `folder`; absent in the first. */
  parent?: string
  /** Pages go to the page server at the other end of descriptor 0, and not into the folder. */
  sendsPages?: boolean
  /** Terminals of the job that belong to the node. */
  terminals: readonly string[]
  /** Paths of what the node has mounted into the job. */
  mounts: readonly string[]
}

export function preDumpArguments(options: DumpOptions): string[] {
  return ['pre-dump', ...common(options), '--track-mem']
}

export function finalDumpArguments(options: DumpOptions): string[] {
  return ['dump', ...common(options), ...(options.parent === undefined ? [] : ['--track-mem']), '--action-script', HOOK, '--ghost-limit', GHOST_LIMIT]
}

function common({ pid, folder, parent, sendsPages, terminals, mounts }: DumpOptions): string[] {
  return [
    '-t', String(pid), '-D', folder, '-o', 'criu.log', '-v2', '--file-locks', '--link-remap', '--manage-cgroups=ignore', '--cpu-cap=none',
    ...(parent === undefined ? [] : ['--prev-images-dir', parent]),
    ...(sendsPages === true ? ['--page-server', '--ps-socket', '0'] : []),
    ...mounts.flatMap((path) => ['--external', `mnt[${path}]:${keyOf(path)}`]),
    ...terminals.flatMap((terminal) => ['--external', terminal]),
  ]
}

/** The connection is criu's descriptor 0. What a page of this round replaces in the rounds before is dropped there, so that they need no more memory than the job. */
export function pageServerArguments(options: { folder: string; parent?: string }): string[] {
  return ['page-server', '-D', options.folder, '-o', 'page-server.log', '-v2', '--ps-socket', '0', ...(options.parent === undefined ? [] : ['--prev-images-dir', options.parent, '--auto-dedup'])]
}

/** For job-restore, which adds the root. `mounts` has what the node mounts into the job. */
export function restoreArguments(options: { folder: string; handedOver: readonly HandedOver[]; mounts: readonly BoundMount[] }): string[] {
  return [
    '-D', options.folder, '-o', 'restore.log', '-v2', '--file-locks', '--manage-cgroups=ignore', '--cpu-cap=none', '-d', '--action-script', HOOK,
    ...options.mounts.flatMap(({ path, from }) => ['--external', `mnt[${keyOf(path)}]:${from}`]),
    ...options.handedOver.flatMap(({ descriptor, key }) => ['--inherit-fd', `fd[${descriptor}]:${key}`]),
  ]
}
