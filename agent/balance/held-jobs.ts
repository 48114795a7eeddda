import { DEFAULT_ADMIN_SETTINGS } from '../../schema/admin-api.ts'
import type { DecisionJob, NodeMask } from '../../schema/decision.ts'
import type { NodeId } from '../../schema/node-state.ts'
import { extendHistory, jobLoad, NO_HISTORY } from './job-history.ts'
import type { DecayMode, DecaySettings, JobHistory, JobKind } from './job-history.ts'
import type { JobFigures } from './sampler.ts'

/** A job that runs on this node, as the capability that holds it tells. */
export interface HeldJob {
  id: string
  home: NodeId
  cgroup: string
  /** Unix milliseconds, by its home's clock. */
  startedMs: number
  locked: boolean
  cantmove?: string
  mask?: NodeMask
  kind: JobKind
  decay: DecayMode
}

interface Known {
  sinceMs: number
  history: JobHistory
  cpusUsed: number
  rssKiB: number
  cameFrom?: NodeId
  lastFreezeMs: number
  /** A move showed that it cannot be moved as it is; it is not tried again before `untilMs`. */
  cantmove?: { why: string; untilMs: number }
}

/** A job may close what kept it from moving; a try costs it a moment, so not soon. */
const TRY_AGAIN_MS = 300_000

/** What balancing remembers of the jobs on this node: how long they have been here and what they use. */
export class HeldJobs {
  #known = new Map<string, Known>()
  #arrivals = new Map<string, { cameFrom: NodeId; lastFreezeMs: number }>()

  /** A job arrived by a move: it stays for a while, and does not go straight back. */
  arrived(job: string, cameFrom: NodeId, lastFreezeMs: number): void {
    const known = this.#known.get(job)
    if (known !== undefined) Object.assign(known, { cameFrom, lastFreezeMs })
    else this.#arrivals.set(job, { cameFrom, lastFreezeMs })
  }

  /** A move failed because of the job itself. */
  cannotMove(job: string, why: string, nowMs: number): void {
    const known = this.#known.get(job)
    if (known !== undefined) known.cantmove = { why, untilMs: nowMs + TRY_AGAIN_MS }
  }

  /** One more second of figures; jobs that are not held any more are forgotten. */
  measured(jobs: readonly HeldJob[], figures: ReadonlyMap<string, JobFigures>, nowMs: number, seconds: number, decay: DecaySettings = DEFAULT_ADMIN_SETTINGS.decay): void {
    const before = this.#known
    this.#known = new Map(jobs.map((job) => {
      const known = before.get(job.id) ?? { sinceMs: nowMs, history: NO_HISTORY, cpusUsed: 0, rssKiB: 0, lastFreezeMs: 0, ...this.#arrivals.get(job.id) }
      const now = figures.get(job.id)
      if (now === undefined) return [job.id, known]
      return [job.id, { ...known, history: extendHistory(known.history, now.runnable, seconds, job.decay, decay), cpusUsed: now.cpusUsed, rssKiB: now.rssKiB }]
    }))
    // One that arrived and is not among the jobs has ended already.
    this.#arrivals.clear()
  }

  /** The jobs as the decision sees them. `unixMs` dates a job's start, which another clock may have told: it is never younger than its stay here. */
  view(jobs: readonly HeldJob[], cpuClass: number, nowMs: number, unixMs: number): DecisionJob[] {
    return jobs.flatMap((job) => {
      const known = this.#known.get(job.id)
      if (known === undefined) return []
      const cantmove = job.cantmove ?? (known.cantmove !== undefined && nowMs < known.cantmove.untilMs ? known.cantmove.why : undefined)
      const residentMs = Math.max(0, nowMs - known.sinceMs)
      return [{
        id: job.id, home: job.home, runnable: jobLoad(known.history, job.kind, known.cpusUsed), rssKiB: known.rssKiB, ageMs: Math.max(residentMs, unixMs - job.startedMs), residentMs,
        ...(known.cameFrom === undefined ? {} : { cameFrom: known.cameFrom }), lastFreezeMs: known.lastFreezeMs,
        ...(cantmove === undefined ? {} : { cantmove: cantmove.slice(0, 200) }), locked: job.locked, ...(job.mask === undefined ? {} : { mask: job.mask }), cpuClass,
      }]
    })
  }
}
