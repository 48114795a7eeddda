import { existsSync, readlinkSync, statSync } from 'node:fs'
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
  if (job.record.spec.stdio === 'pipes') return [0, 1].map((descriptor) => ({ descriptor, key: readlinkSync(`/proc/${init}/fd/${descriptor}`) })).concat(streams)
  const { rdev, dev } = statSync(`/proc/${init}/fd/0`)
  return [{ descriptor: 0, key: `tty[${rdev.toString(16)}:${dev.toString(16)}]` }, ...streams]
}

/** Terminals of a job that belong to the node. */
export function terminalsOf(job: HeldJob): string[] {
  return [...new Set(handedOver(job).flatMap(({ key }) => (key.startsWith('tty') ? [key] : [])))]
}

/** Paths of what the node has mounted into a job, `init` being its first process. */
export function mountsOf(job: HeldJob, init: number): string[] {
  return nodesMounts(parseMountInfo(readTextIfThere(`/proc/${init}/mountinfo`) ?? ''), job.mounts())
}
