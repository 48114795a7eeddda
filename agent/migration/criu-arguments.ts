/** Command lines of CRIU for a job as rootfs-overlay/usr/lib/plump/job-start makes it. */

/** Mounts of a job that are the node's and not the job's, by the names under which source and target know them. */
const EXTERNAL_MOUNTS: readonly { name: string; path: string }[] = [
  { name: 'dev', path: '/dev' }, { name: 'pts', path: '/dev/pts' }, { name: 'shm', path: '/dev/shm' }, { name: 'sys', path: '/sys' },
]
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
  pageServer?: { address: string; port: number }
  /** Terminals of the job that belong to the node. */
  terminals: readonly string[]
}

export function preDumpArguments(options: DumpOptions): string[] {
  return ['pre-dump', ...common(options), '--track-mem']
}

export function finalDumpArguments(options: DumpOptions): string[] {
  return ['dump', ...common(options), ...(options.parent === undefined ? [] : ['--track-mem']), '--action-script', HOOK, '--ghost-limit', GHOST_LIMIT]
}

function common({ pid, folder, parent, pageServer, terminals }: DumpOptions): string[] {
  return [
    '-t', String(pid), '-D', folder, '-o', 'criu.log', '-v2', '--file-locks', '--manage-cgroups=ignore', '--cpu-cap=none',
    ...(parent === undefined ? [] : ['--prev-images-dir', parent]),
    ...(pageServer ? ['--page-server', '--address', pageServer.address, '--port', String(pageServer.port)] : []),
    ...EXTERNAL_MOUNTS.flatMap(({ name, path }) => ['--external', `mnt[${path}]:${name}`]),
    ...terminals.flatMap((terminal) => ['--external', terminal]),
  ]
}

/** The connection is criu's descriptor 0. */
export function pageServerArguments(options: { folder: string; parent?: string }): string[] {
  return ['page-server', '-D', options.folder, '-o', 'page-server.log', '-v2', '--ps-socket', '0', ...(options.parent === undefined ? [] : ['--prev-images-dir', options.parent])]
}

/** For job-restore, which adds the root and what depends on it. */
export function restoreArguments(options: { folder: string; handedOver: readonly HandedOver[] }): string[] {
  return [
    '-D', options.folder, '-o', 'restore.log', '-v2', '--file-locks', '--manage-cgroups=ignore', '--cpu-cap=none', '-d', '--action-script', HOOK,
    ...EXTERNAL_MOUNTS.filter(({ name }) => name !== 'shm').flatMap(({ name, path }) => ['--external', `mnt[${name}]:${path}`]),
    ...options.handedOver.flatMap(({ descriptor, key }) => ['--inherit-fd', `fd[${descriptor}]:${key}`]),
  ]
}
