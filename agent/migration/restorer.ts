import { closeSync, constants, openSync, writeSync } from 'node:fs'
import type { HeldJob } from '../jobs/held-job.ts'
import { keeperCommand, quoteForShell } from '../jobs/start-command.ts'

const JOB_RESTORE = '/usr/lib/plump/job-restore'
/** Pipe in the folder of a move, on which job-restore waits for what is known last. */
export const ARGUMENTS_PIPE = 'arguments'

/**
 * Starts the keeper and job-restore of a job that is to come here, while it still runs at its source: they are some five programs. On a terminal, criu's
 * 0 is the new one; the pipes keep their numbers.
 */
export async function startRestorer(job: HeldJob, move: string): Promise<void> {
  await job.prepareArrival(keeperCommand(job.folder, job.record.spec.stdio, [JOB_RESTORE, job.cgroup, `${job.folder}/root`, job.homeRoot, move]))
}

/** Tells job-restore to restore the job: the folders that it is to step into before, so that what lies there is mounted, and criu's arguments. */
export function tellRestorer(move: string, folders: readonly string[], words: readonly string[]): { close(): void } {
  const pipe = openSync(`${move}/${ARGUMENTS_PIPE}`, constants.O_RDWR | constants.O_NONBLOCK)
  writeSync(pipe, `${quoted(folders)}\n${quoted(words)}\n`)
  return { close: () => closeSync(pipe) }
}

function quoted(words: readonly string[]): string {
  return words.map(quoteForShell).join(' ')
}
