import type { JobSpec, Mask } from '../../schema/job.ts'
import type { JobOptions } from '../../schema/job-api.ts'
import type { NodeId } from '../../schema/node-state.ts'
import { NodeError } from '../api/node-error.ts'
import type { Peers } from '../peers/peers.ts'
import type { Holder } from './holder.ts'
import type { HomeJob } from './home-job.ts'
import type { Home, PlacedOptions } from './home.ts'

const START_LIMIT_MS = 30_000

/** Reserves the best node for a job that is about to start; undefined when that is this one. */
export type PlaceJob = (job: { rssKiB: number; mask: Mask }) => Promise<NodeId | undefined>

interface Parts {
  holder: Holder
  home: Home
  peers: Peers
  place: PlaceJob
}

/** Starts a job where it was said, or where it costs least; one that the best node does not start after all starts here. */
export async function startPlaced(parts: Parts, spec: JobSpec, { runOn, ...options }: JobOptions): Promise<HomeJob> {
  if (runOn !== 'auto') return startJob(parts, spec, { ...options, ...(runOn === undefined ? {} : { runOn }) })
  const target = options.lock === 'home' ? undefined : await parts.place({ rssKiB: Math.ceil((spec.limits.memoryBytes ?? 0) / 1024), mask: options.mask })
  if (target === undefined) return startJob(parts, spec, options)
  return startJob(parts, spec, { ...options, runOn: target }).catch(() => startJob(parts, spec, options))
}

/** Throws NodeError: why it does not start. */
async function startJob({ holder, home, peers }: Parts, spec: JobSpec, options: PlacedOptions): Promise<HomeJob> {
  const job = home.create(spec, options)
  try {
    if (job.job.node !== job.job.home && !maskAllows(job.job.mask, job.job.node)) throw new NodeError('NODE_NOT_ALLOWED', `node ${job.job.node} is not among those the job may run on`, 'change --mask or --nodes')
    if (job.job.node === job.job.home) await holder.start(job.record)
    else await peers.call(job.job.node, 'job-start', job.record, { limitMs: START_LIMIT_MS })
  } catch (error) {
    home.forget(job)
    throw error
  }
  return job
}

/** Whether the cluster mask lets a job run on a node that is not its home. */
export function maskAllows(mask: Mask, node: NodeId): boolean {
  if (mask.rule === 'any') return true
  return mask.nodes.includes(node) === (mask.rule === 'allow')
}
