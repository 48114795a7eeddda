import type { Balancer } from '../agent/balance/balancer.ts'
import { RENEW_MS } from '../agent/balance/reservations.ts'
import type { DecisionInput, DecisionJob, Move } from '../schema/decision.ts'
import { checkDeparture } from './invariants.ts'
import type { ClusterRun } from './run.ts'
import { freeKiB, go, halt, localMs, momentOf, putOn, takeOff } from './world.ts'
import type { SimJob, SimNode } from './world.ts'

/** A move takes a fixed time besides the transfer; the job stands still for this share of the transfer and a fixed part. */
const OVERHEAD_MS = 500
const FROZEN_SHARE = 0.05
const FROZEN_MS = 150

interface Underway {
  job: SimJob
  source: SimNode
  target: SimNode
  beganMs: number
  freezeMs: number
  /** When the job stops, and when it runs on the target. */
  stopsMs: number
  arrivesMs: number
  phase: 'pre-copy' | 'frozen'
}

/** Moves between simulated nodes: reservation, pre-copy, freeze, commit; and what a crash of either side makes of them. */
export class Moves {
  readonly #run: ClusterRun
  #underway: Underway[] = []

  constructor(run: ClusterRun) {
    this.#run = run
  }

  begin(source: SimNode, balancer: Balancer, move: Move, input: DecisionInput): void {
    const run = this.#run
    const target = run.nodes[move.weighing.target - 1]
    const job = source.jobs.find((each) => each.id === move.job)
    const view = input.jobs.find((each) => each.id === move.job) as DecisionJob
    if (target === undefined || job === undefined) throw new Error(`a move of job ${move.job} that cannot be`)
    checkDeparture(source, job, run.nowMs)
    const sourceMs = localMs(source, run.nowMs)
    run.metrics.asked()
    run.catchUp(target)
    const answer = run.canTalk(source, target) && target.balancer !== undefined
      ? target.balancer.asked(balancer.request(move, view), momentOf(target), localMs(target, run.nowMs)) : undefined
    if (answer?.granted !== true) return balancer.refused(target.id, answer?.load, sourceMs)
    balancer.leaves(move)
    target.balancer?.arrives(job.id, localMs(target, run.nowMs))
    if (target.arriving || source.leaving) throw new Error('two moves at one node in one direction')
    if (freeKiB(target) < job.rssKiB) throw new Error(`node ${target.index} has no memory for job ${job.id}`)
    source.leaving = true
    target.arriving = true
    target.arrivingKiB = job.rssKiB
    const transferMs = job.rssKiB / run.scenario.network.transferKiBps * 1_000
    const freezeMs = FROZEN_MS + FROZEN_SHARE * transferMs
    const stopsMs = run.nowMs + OVERHEAD_MS + transferMs
    this.#underway.push({ job, source, target, beganMs: run.nowMs, freezeMs, stopsMs, arrivesMs: stopsMs + freezeMs, phase: 'pre-copy' })
  }

  /** Takes every move as far as it has come by now. */
  due(): void {
    const { nowMs } = this.#run
    let over = false
    for (const move of this.#underway) {
      if (move.job.state === 'done' || move.job.state === 'lost') over = this.#end(move, 'over')
      else if (!move.source.alive) over = this.#end(move, 'over')
      else if (!move.target.alive) over = this.#end(move, 'failed')
      else if (move.phase === 'pre-copy' && nowMs >= move.stopsMs) over = this.#freeze(move) || over
      else if (move.phase === 'frozen' && nowMs >= move.arrivesMs) over = this.#commit(move)
      else if (nowMs % RENEW_MS === 0) move.target.balancer?.stillArrives(move.job.id, localMs(move.target, nowMs))
    }
    if (over) this.#underway = this.#underway.filter((move) => !isOver(move))
  }

  /** Whether the move is over with it. */
  #freeze(move: Underway): boolean {
    this.#run.catchUp(move.source)
    if (move.job.state !== 'runs') return this.#end(move, 'over')
    if (!this.#run.canTalk(move.source, move.target)) return this.#end(move, 'failed')
    halt(move.source, move.job, 'frozen')
    move.phase = 'frozen'
    return false
  }

  #commit(move: Underway): boolean {
    const { job, source, target, freezeMs } = move
    const { nowMs } = this.#run
    this.#run.catchUp(source)
    this.#run.catchUp(target)
    // Whoever started a job on the target meanwhile was first: the restore is refused, the job goes on at the source.
    const roomy = target.memoryTotalKiB - target.usedKiB >= job.rssKiB
    if (!roomy || !this.#run.canTalk(source, target)) return this.#end(move, 'failed')
    this.#run.metrics.moved(job, target, nowMs)
    takeOff(source, job)
    target.arrivingKiB = 0
    putOn(target, job)
    go(target, job)
    Object.assign(job, { since: nowMs, lastFreezeMs: freezeMs, moves: job.moves + 1, leftNode: source.index, leftMs: nowMs })
    source.balancer?.left({ rssKiB: job.rssKiB, tookMs: nowMs - move.beganMs })
    return this.#end(move, 'done')
  }

  #end(move: Underway, how: 'done' | 'over' | 'failed'): boolean {
    const { job, source, target } = move
    const { nowMs } = this.#run
    // Whatever went wrong, the job goes on where it was: the commit is what makes it the target's.
    if (how !== 'done' && job.state === 'frozen') {
      this.#run.catchUp(source)
      go(source, job)
    }
    source.leaving = false
    target.arriving = false
    target.arrivingKiB = 0
    target.balancer?.arrived(job.id)
    if (how === 'failed') source.balancer?.failed(target.id, localMs(source, nowMs))
    if (how === 'over') source.balancer?.endedHere()
    move.arrivesMs = -Infinity
    return true
  }
}

function isOver(move: Underway): boolean {
  return move.arrivesMs === -Infinity
}
