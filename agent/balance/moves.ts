import { reservationAnswerSchema } from '../../schema/balance-api.ts'
import type { BalanceCall } from '../../schema/balance-api.ts'
import type { DecisionJob, Move } from '../../schema/decision.ts'
import type { NodeId } from '../../schema/node-state.ts'
import type { AgentContext } from '../capability.ts'
import type { Peers } from '../peers/peers.ts'
import type { Happening } from '../watch/watch.ts'
import type { Balancer, Moment } from './balancer.ts'
import { explain } from './explain.ts'
import type { HeldJobs } from './held-jobs.ts'
import type { JobMover } from './job-mover.ts'
import { whatFailed } from './move-failure.ts'
import { RENEW_MS } from './reservations.ts'

export const CHANNEL = 'balance'
/** A reservation is asked for and answered within this time, or the move is not made. */
const CALL_LIMIT_MS = 3_000

/** What a job that is about to start needs, and how this node is at that moment. */
export interface StartWish extends Pick<DecisionJob, 'rssKiB' | 'mask' | 'cpuClass'> {
  now: Moment
  clusterSize: number
}

export interface MoveEdges {
  context: AgentContext
  peers: Pick<Peers, 'call'>
  jobs: HeldJobs
  mover(): JobMover
  tell(happening: Happening): void
  /** A move has ended well, and its target has room for another. */
  moved(): void
}

/** Makes what was decided: asks the target for a place, moves the job, and tells the balancer what came of it. */
export class Moves {
  readonly #edges: MoveEdges
  #starts = 0

  constructor(edges: MoveEdges) {
    this.#edges = edges
  }

  async move(core: Balancer, node: NodeId, move: Move, job: DecisionJob): Promise<void> {
    const { context: { nowMs, log }, mover } = this.#edges
    const { target } = move.weighing
    const { from: _, ...request } = core.request(move, job)
    core.leaves(move)
    const answer = reservationAnswerSchema.safeParse(await this.#call(target, { do: 'reserve', ...request }))
    if (!answer.success || !answer.data.granted) {
      core.endedHere()
      const { why, load } = answer.success && !answer.data.granted ? answer.data : { why: 'no answer', load: undefined }
      core.refused(target, load, nowMs())
      this.#edges.tell({ event: 'refusal', job: job.id, from: node, to: target, why })
      return log.named('balance').info(`job ${job.id}: node ${target} refuses it: ${why}`)
    }
    const renewal = setInterval(() => void this.#call(target, { do: 'renew', job: job.id }), RENEW_MS)
    const why = explain(move, node)
    const beganMs = nowMs()
    log.named('balance').info(`job ${job.id} ${why}`)
    try {
      await mover().migrate(job.id, target, why)
      core.left({ rssKiB: job.rssKiB, tookMs: nowMs() - beganMs })
    } catch (error) {
      this.#failed(core, { job: job.id, from: node, to: target }, error)
      return
    } finally {
      clearInterval(renewal)
      await this.#call(target, { do: 'release', job: job.id })
    }
    this.#edges.moved()
  }

  /** Reserves the best place for a job that is about to start; undefined when that is here. */
  async place(core: Balancer, node: NodeId, wish: StartWish): Promise<NodeId | undefined> {
    const { context: { nowMs, log }, mover } = this.#edges
    const found = core.place({ ...wish, id: `${node}-start-${++this.#starts}` }, wish.now, mover().rules(), wish.clusterSize, nowMs())
    if (found === undefined) return undefined
    const { target, from: _, ...request } = found
    const answer = reservationAnswerSchema.safeParse(await this.#call(target, { do: 'reserve', ...request }))
    if (!answer.success || !answer.data.granted) {
      const { why, load } = answer.success && !answer.data.granted ? answer.data : { why: 'no answer', load: undefined }
      core.refused(target, load, nowMs())
      log.named('balance').info(`a job starts here and not on node ${target}, which refuses it: ${why}`)
      return undefined
    }
    core.startedAt(target, request.load)
    this.#edges.tell({ event: 'start', from: node, to: target })
    log.named('balance').info(`a job starts on node ${target}, whose load is ${request.assumedLoad.toFixed(1)}`)
    return target
  }

  #failed(core: Balancer, about: { job: string; from: NodeId; to: NodeId }, error: unknown): void {
    const { context, jobs, tell } = this.#edges
    const now = context.nowMs()
    const failure = whatFailed(error)
    const why = error instanceof Error ? error.message : String(error)
    context.log.named('balance').warn(`job ${about.job} stays: ${why}`)
    tell({ event: failure === 'refused' ? 'refusal' : 'failure', ...about, why: why.slice(0, 500) })
    if (failure === 'failed') return core.failed(about.to, now)
    core.endedHere()
    if (failure === 'refused') core.refused(about.to, undefined, now)
    if (failure === 'cantmove') jobs.cannotMove(about.job, why, now)
  }

  /** Undefined when the other does not answer: a reservation that is not heard of ends by itself. */
  #call(target: NodeId, call: BalanceCall): Promise<unknown> {
    return this.#edges.peers.call(target, CHANNEL, call, { limitMs: CALL_LIMIT_MS }).catch(() => undefined)
  }
}
