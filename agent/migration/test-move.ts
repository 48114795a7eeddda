import { mkdirSync, rmSync, statSync } from 'node:fs'
import { freemem } from 'node:os'
import type { TestMoveReport } from '../../schema/migration.ts'
import type { NodeId } from '../../schema/node-state.ts'
import { cgroupFigures, movingJobs } from '../jobs/cgroups.ts'
import type { HeldJob } from '../jobs/held-job.ts'
import { NodeError } from '../api/node-error.ts'
import { nowMs } from '../os/clock.ts'
import { namesIn, readTextIfThere } from '../os/files.ts'
import { finalDumpArguments } from './criu-arguments.ts'
import { startCriu } from './criu-process.ts'
import { handedOver, mountsOf, terminalsAmong } from './handed-over.ts'
import { MOVES_FOLDER } from './images.ts'
import { reasonInLog, refusal } from './refusal.ts'
import { openVerdict } from './verdict.ts'

/**
 * Dumps a job in full, here and without pre-copy, and lets it go on: whether it can move is known for certain then. Gives how long it stood. Throws
 * NodeError CANTMOVE.
 */
export async function testMove(job: HeldJob, self: NodeId): Promise<TestMoveReport> {
  const pid = job.initPid()
  if (pid === undefined) throw new NodeError('JOB_ENDED', `job ${job.id} has ended`, 'see how with: plump job ls')
  const { memoryBytes } = cgroupFigures(job.cgroup)
  if (freemem() < memoryBytes) throw refusal({ code: 'memory', detail: `a test on this node needs ${memoryBytes} bytes for its images, ${freemem()} are free` })
  const folder = `${MOVES_FOLDER}/${job.id}.test`
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(`${folder}/1`, { recursive: true, mode: 0o700 })
  const verdict = await openVerdict(folder)
  const startMs = nowMs()
  job.setLeaving(true)
  movingJobs.set(job.cgroup, 'standing')
  try {
    const criu = startCriu(finalDumpArguments({ pid, folder: `${folder}/1`, terminals: terminalsAmong(handedOver(job)), mounts: mountsOf(job, pid) }), { move: folder })
    const dumped = await Promise.race([verdict.reached.then(() => true), criu.ended.then(() => false)])
    const saidMs = nowMs()
    verdict.say('no')
    await criu.ended
    const endMs = nowMs()
    if (!dumped) throw refusal(reasonInLog(readTextIfThere(`${folder}/1/criu.log`) ?? ''))
    const bytes = namesIn(`${folder}/1`).reduce((sum, name) => sum + statSync(`${folder}/1/${name}`).size, 0)
    return { job: job.id, node: self, freezeMs: Math.round(endMs - startMs), resumeMs: Math.round(endMs - saidMs), bytes }
  } finally {
    verdict.close()
    movingJobs.set(job.cgroup, undefined)
    job.setLeaving(false)
    rmSync(folder, { recursive: true, force: true })
  }
}
