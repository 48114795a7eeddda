import type { Job, Mask } from '../../schema/job.ts'
import type { NodeMask } from '../../schema/decision.ts'
import type { AgentContext } from '../capability.ts'
import type { Jobs } from '../jobs/jobs.ts'
import type { Migration } from '../migration/migration.ts'
import type { NodeId } from '../../schema/node-state.ts'
import type { Rules } from './balancer.ts'
import type { HeldJob } from './held-jobs.ts'

/** What moves jobs and knows those that are here. */
export interface JobMover {
  held(): readonly HeldJob[]
  rules(): Rules & { takes: boolean; gives: boolean }
  /** Moves a job that is here; gives how long it stood still. Throws NodeError when it stays. */
  migrate(job: string, target: NodeId, why: string): Promise<{ freezeMs: number }>
}

/** The jobs of this node as balancing sees them, what the administrator says about them, and who moves them. */
export function jobMover({ state }: Pick<AgentContext, 'state'>, { holder, home }: Jobs, migration: Pick<Migration, 'migrateJob'>): JobMover {
  return {
    held: () => holder.jobs.filter((job) => job.isSettled).map(({ id, cgroup, record }) => {
      // Of a job whose home this is, the deputy has what was changed since it started.
      const job = home.jobs.find((each) => each.job.id === id)?.job ?? record.job
      return heldJob({ ...job, cantmove: holder.figuresOf(id)?.cantmove ?? job.cantmove }, cgroup)
    }),
    rules() {
      const { stay, lstay, quiet, block } = state.get('admin')
      const pool = state.get('pool')
      return { stay, lstay, quiet, takes: !block && pool.takes, gives: pool.gives }
    },
    migrate: (id, target, why) => migration.migrateJob(id, target, why),
  }
}

export function heldJob(job: Pick<Job, 'id' | 'home' | 'started' | 'lock' | 'cantmove' | 'mask' | 'hints'>, cgroup: string): HeldJob {
  const mask = nodeMask(job.mask)
  return {
    id: job.id, home: job.home, cgroup, startedMs: Date.parse(job.started), locked: job.lock !== 'none',
    ...(job.cantmove === undefined ? {} : { cantmove: job.cantmove.sentence }), ...(mask === undefined ? {} : { mask }),
    kind: job.hints.kind ?? 'mixed', decay: job.hints.decay ?? 'own',
  }
}

export function nodeMask(mask: Mask): NodeMask | undefined {
  if (mask.rule === 'any') return undefined
  return { mode: mask.rule === 'allow' ? 'only' : 'never', nodes: mask.nodes.slice(0, 1_024) }
}
