import { jobIdNamed } from '../../schema/job.ts'
import type { NodeId } from '../../schema/node-state.ts'
import type { ApiAnswers } from '../api/answers.ts'
import { NodeError } from '../api/node-error.ts'
import type { AgentContext, Capability } from '../capability.ts'
import type { Peers } from '../peers/peers.ts'
import { DECISION_LOG } from './decision-log.ts'
import { Driver } from './driver.ts'
import type { BalanceEdges } from './driver.ts'
import { explain } from './explain.ts'
import type { JobMover } from './job-mover.ts'

const RECORDS_SHOWN = 20

export interface Balance extends Capability {
  connect(mover: JobMover): void
  /** A job arrived here by a move from `from` in which it stood still so long. */
  arrived(job: string, from: NodeId, freezeMs: number): void
  /** The best node for a job that is about to start, with a place reserved there; undefined: this one. */
  place: Driver['place']
  /** Where a job that runs here would cost least (`migrate JOB best`); undefined when no other node is open to it. */
  bestNode: Driver['bestNode']
  /** CPUs that other programs than jobs used in the last second. */
  otherLoad(): number
  answers: Partial<ApiAnswers>
}

/** Measures this node's load once a second, tells it, and moves jobs to where they cost least. It begins when the node is ready. */
export function startBalance(context: AgentContext, peers: Peers, edges: BalanceEdges): Balance {
  const driver = new Driver(context, peers, edges)
  const { tell } = edges
  const unwatch = context.state.watch('stage', () => driver.begin())
  driver.begin()
  return {
    connect: (mover) => driver.connect(mover),
    arrived(job, from, freezeMs) {
      driver.jobs.arrived(job, from, freezeMs)
      if (driver.node !== undefined) tell({ event: 'move', job, from, to: driver.node, freezeMs: Math.max(0, Math.round(freezeMs)) })
    },
    place: (job) => driver.place(job),
    bestNode: (job) => driver.bestNode(job),
    otherLoad: () => driver.otherLoad,
    answers: answersOf(driver),
    stop() {
      unwatch()
      driver.stop()
    },
  }
}

function answersOf(driver: Driver): Partial<ApiAnswers> {
  return {
    why: ({ job }, send) => {
      const id = jobIdNamed(job, driver.node ?? 0)
      const about = driver.log.about(id)
      if (about === undefined || driver.node === undefined) {
        throw new NodeError('NOT_DECIDED', `nothing was decided about job ${id} on this node`, 'ask on the node where it runs, see: plump job ls')
      }
      send({ node: driver.node, ...about, text: explain(about.judgement, driver.node) })
    },
    decisions: async (_, send) => {
      const { readRecords } = await import('./decision-records.ts')
      const records = readRecords(DECISION_LOG).slice(-RECORDS_SHOWN)
      send(records.flatMap(({ time, input, judgements }) => judgements.map((judgement) => ({ node: input.node, time, judgement, text: explain(judgement, input.node) }))))
    },
    'replay-decisions': async ({ file }, send) => {
      const { readRecords, replay } = await import('./decision-records.ts')
      send(replay(readRecords(file)))
    },
    'set-speed': async ({ speed }, send) => send({ speed: await driver.setSpeed(speed) }),
  }
}
