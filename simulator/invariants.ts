import { residencyMs } from '../agent/balance/eligibility.ts'
import type { ClusterRun } from './run.ts'
import type { SimJob, SimNode } from './world.ts'

/** What must hold at every moment, whatever goes wrong in the cluster. A breach is a bug and ends the run. */
export class InvariantBroken extends Error {}

/** Called each second: every job that is not over is on exactly one living node, and the books of each node are right. */
export function checkWorld({ nodes, jobs, nowMs }: ClusterRun): void {
  let held = 0
  for (const node of nodes) {
    if (!node.alive && node.jobs.length > 0) throw new InvariantBroken(`${nowMs} ms: dead node ${node.index} holds jobs`)
    for (const job of node.jobs) {
      held++
      if (job.node !== node.index || !jobs.has(job)) throw new InvariantBroken(`${nowMs} ms: job ${job.id} is on node ${node.index} and elsewhere`)
    }
  }
  if (held !== jobs.size) throw new InvariantBroken(`${nowMs} ms: ${jobs.size} jobs live, ${held} are on nodes`)
}

/** Called when a move begins: residency is kept, and the job is not on its way already. */
export function checkDeparture(source: SimNode, job: SimJob, nowMs: number): void {
  const resident = (nowMs - job.since) * source.clockRate
  if (resident + 1e-6 < residencyMs(job)) throw new InvariantBroken(`${nowMs} ms: job ${job.id} leaves node ${source.index} after ${resident} ms`)
  if (job.state !== 'runs') throw new InvariantBroken(`${nowMs} ms: job ${job.id} leaves while it is ${job.state}`)
}
