import type { JobSpec } from '../../schema/job.ts'

const JOB_KEEPER = '/usr/lib/plump/job-keeper'
const JOB_START = '/usr/lib/plump/job-start'

export interface StartPlaces {
  /** The job's folder under /run/plump/jobs. */
  folder: string
  cgroup: string
  /** Where the home node's root is on this node: `/` at home, `/mfs/HOME` elsewhere. */
  homeRoot: string
  /** Names that busybox would take for its own: {@link hiddenByApplet}. */
  isHidden: boolean
}

/** The program and arguments that start a job: rootfs-overlay/usr/lib/plump/job-keeper runs job-start runs the command. */
export function startCommand(spec: JobSpec, places: StartPlaces): string[] {
  // busybox's env takes a word with = for a variable, so such a command is started by a shell that is not busybox's, too.
  const byShell = places.isHidden || spec.command[0]?.includes('=') === true
  const command = byShell ? ['/bin/sh', '-c', 'exec "$0" "$@"', ...spec.command] : spec.command
  const start = [
    JOB_START, places.cgroup, `${places.folder}/root`, places.homeRoot, mountsFile(places.folder), spec.stdio,
    `${spec.uid}:${spec.gid}:${spec.groups.join(',')}`, spec.directory, spec.umask.toString(8), String(spec.niceness), ...spec.environment, ...command,
  ]
  return keeperCommand(places.folder, spec.stdio, start)
}

/** The table of mounts that a job starts with (agent/jobs/mounts.ts). */
export function mountsFile(folder: string): string {
  return `${folder}/mounts`
}

/** The keeper with any other program in the place of job-start, as when a job is restored. */
export function keeperCommand(folder: string, stdio: JobSpec['stdio'], program: readonly string[]): string[] {
  if (stdio === 'pipes') return [JOB_KEEPER, folder, 'pipes', ...program]
  return [JOB_KEEPER, folder, 'terminal', program.map(quoteForShell).join(' ')]
}

/** One word for a shell, whatever is in it. */
export function quoteForShell(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`
}
