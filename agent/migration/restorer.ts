import { closeSync, constants, openSync, writeSync } from 'node:fs'
import type { HeldJob } from '../jobs/held-job.ts'
import { keeperCommand, quoteForShell } from '../jobs/start-command.ts'

const JOB_RESTORE = '/usr/lib/plump/job-restore'
/** Pipe in the folder of a move, on which job-restore waits for criu's arguments. */
export const ARGUMENTS_PIPE = 'arguments'

/**
 * Starts the keeper and job-restore of a job that is to come here, while it still runs at its source: they are some five programs. On a terminal, criu's
 * 0 is the new one; the pipes keep their numbers.
 */
export async function startRestorer(job: HeldJob, move: string): Promise<void> {
  await job.prepareArrival(keeperCommand(job.folder, job.record.spec.stdio, [JOB_RESTORE, job.cgroup, `${job.folder}/root`, job.homeRoot, move]))
}

/** Gives job-restore the arguments of criu, in one line quoted for a shell: it restores the job with them. */
export function tellRestorer(move: string, words: readonly string[]): { close(): void } {
  const pipe = openSync(`${move}/${ARGUMENTS_PIPE}`, constants.O_RDWR | constants.O_NONBLOCK)
  writeSync(pipe, `${words.map(quoteForShell).join(' ')}\n`)
  return { close: () => closeSync(pipe) }
}
