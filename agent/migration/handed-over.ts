import { existsSync, readlinkSync, statSync } from 'node:fs'
import { MOUNTS_LIMIT } from '../../schema/migration.ts'
import { NodeError } from '../api/node-error.ts'
import type { HeldJob } from '../jobs/held-job.ts'
import { keeperEnd, runningKeeper } from '../jobs/keeper.ts'
import { nodesMounts } from '../jobs/mounts.ts'
import { parseMountInfo } from '../mfs/mounts.ts'
import { readTextIfThere } from '../os/files.ts'
import type { HandedOver } from './criu-arguments.ts'

/** What of a job's descriptors the node holds the other ends of, as criu names them. The keeper may have closed its ends; init has its own for ever. */
export function handedOver(job: HeldJob): HandedOver[] {
  const init = job.initPid()
  const keeper = runningKeeper(job.folder)
  if (init === undefined || keeper === undefined) throw new NodeError('JOB_ENDED', `job ${job.id} has ended`, 'see how with: plump job ls')
  const stderr = keeperEnd(keeper, 'stderr')
  const streams: HandedOver[] = [...(existsSync(stderr) ? [{ descriptor: 3, key: readlinkSync(stderr) }] : []), { descriptor: 4, key: readlinkSync(`/proc/${init}/fd/2`) }]
  const terminal = job.terminal()
  if (terminal === undefined) return [0, 1].map((descriptor) => ({ descriptor, key: readlinkSync(`/proc/${init}/fd/${descriptor}`) })).concat(streams)
  // There, 0 and 1 are the new terminal; criu takes each descriptor for one name only, and /dev/tty, which shells keep open, is another name.
  return [{ descriptor: 0, key: terminalKey(terminal) }, { descriptor: 1, key: terminalKey('/dev/tty') }, ...streams]
}

/** Terminals of a job that belong to the node, by what is handed over to it. */
export function terminalsAmong(handed: readonly HandedOver[]): string[] {
  return [...new Set(handed.flatMap(({ key }) => (key.startsWith('tty') ? [key] : [])))]
}

/** As criu names a terminal. */
function terminalKey(path: string): string {
  const { rdev, dev } = statSync(path)
  return `tty[${rdev.toString(16)}:${dev.toString(16)}]`
}

/** Paths of what the node has mounted into a job, `init` being its first process. */
export function mountsOf(job: HeldJob, init: number): string[] {
  return nodesMounts(parseMountInfo(readTextIfThere(`/proc/${init}/mountinfo`) ?? ''), job.mounts()).slice(0, MOUNTS_LIMIT)
}
