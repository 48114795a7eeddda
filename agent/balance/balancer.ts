import type { DecisionInput, DecisionJob, Move } from '../../schema/decision.ts'
import { LOAD_LIMIT } from '../../schema/load.ts'
import type { LoadEntry, SeenLoad } from '../../schema/load.ts'
import type { NodeId } from '../../schema/node-state.ts'
import { Backoff } from './backoff.ts'
import { decide, mayGain } from './decide.ts'
import type { Decision } from './decide.ts'
import { FRESH_LIMIT_MS } from './eligibility.ts'
import { GossipTable } from './gossip-table.ts'
import type { GossipMessage } from './gossip-table.ts'
import { capacityOf, IDLE, smoothLoad, standardLoad } from './load.ts'
import { MoveFigures } from './move-figures.ts'
import { mayStartAway, placeNewJob } from './place.ts'
import { Reservations } from './reservations.ts'
import type { ReservationAnswer, ReservationRequest } from './reservations.ts'

/** What was measured of this node in the last second. */
export interface Sample {
  cpus: number
  speed: number
  /** Processes that could run, on average; in CPUs, not yet in standard ones. */
  runnable: number
  jobs: number
  memoryTotalKiB: number
  memoryFreeKiB: number
  swapOutKiBps: number
  memoryStallShare: number
  utilisation: number
  gives: boolean
  takes: boolean
  cpuClass: number
}

/** What is so at this very moment: since the last sample, jobs may have come. */
export interface Moment {
  runnable: number
  memoryFreeKiB: number
}

export type Rules = DecisionInput['rules']

/**
 * The whole of a node's part in balancing without any I/O: it is told what was measured and what came by the mesh, and says what to send and
 * which job to move. The agent drives one of these; the simulator ten thousand.
 */
export class Balancer {
  readonly table: GossipTable
  readonly moves = new MoveFigures()
  readonly #self: NodeId
  readonly #random: () => number
  readonly #reservations = new Reservations()
  readonly #backoff: Backoff
  #views = IDLE
  #sample: Sample | undefined
  #leaving = 0
  #arriving = 0

  constructor(self: NodeId, random: () => number) {
    this.#self = self
    this.#random = random
    this.table = new GossipTable(self)
    this.#backoff = new Backoff(random)
  }

  /** Once a second. */
  measured(sample: Sample): void {
    this.#sample = sample
    this.#views = smoothLoad(this.#views, standardLoad(sample.runnable, sample))
  }

  /** This node's own figures as others are told them, what is reserved included; undefined before the first sample. */
  ownEntry(nowMs: number): LoadEntry | undefined {
    const sample = this.#sample
    if (sample === undefined) return undefined
    const held = this.#reservations.held(nowMs)
    return {
      id: this.#self,
      cpus: sample.cpus,
      speed: sample.speed,
      load: Math.min(LOAD_LIMIT, this.#views.exported + held.load),
      jobs: sample.jobs + held.jobs,
      memoryTotalKiB: sample.memoryTotalKiB,
      memoryFreeKiB: Math.max(0, Math.floor(sample.memoryFreeKiB - held.rssKiB)),
      utilisation: sample.utilisation,
      gives: sample.gives,
      takes: sample.takes,
      cpuClass: sample.cpuClass,
    }
  }

  /** What to send to a random member now. */
  message(nowMs: number): GossipMessage | undefined {
    const own = this.ownEntry(nowMs)
    return own === undefined ? undefined : this.table.message(own, nowMs)
  }

  heard(message: GossipMessage, nowMs: number): void {
    this.table.merge(message, nowMs)
  }

  /** What this node would decide by at this moment; undefined before the first sample. */
  input(jobs: readonly DecisionJob[], rules: Rules, clusterSize: number, nowMs: number): DecisionInput | undefined {
    const sample = this.#sample
    if (sample === undefined) return undefined
    return {
      node: this.#self,
      seed: Math.floor(this.#random() * 0x1_0000_0000),
      clusterSize,
      own: this.#own(sample),
      // Callers may hand over more than this, which no record would be read again with.
      rules: { stay: rules.stay || !sample.gives, lstay: rules.lstay, quiet: rules.quiet },
      leaving: this.#leaving,
      backoffMs: this.#backoff.waitMs(nowMs),
      refused: this.#backoff.avoided(nowMs),
      transferKiBps: this.moves.transferKiBps,
      moveOverheadMs: this.moves.overheadMs,
      jobs: [...jobs],
      ...this.table.fresh(nowMs),
    }
  }

  #own({ cpus, speed, memoryTotalKiB, memoryFreeKiB, swapOutKiBps, memoryStallShare }: Sample): DecisionInput['own'] {
    return { load: this.#views.own, cpus, speed, memoryTotalKiB, memoryFreeKiB, swapOutKiBps, memoryStallShare }
  }

  /** Whether a decision may move one of this node's jobs, when each wants a CPU or more. It is cheap: of ten thousand nodes, nearly half have nothing to decide. */
  mayMove(nowMs: number): boolean {
    return this.#sample !== undefined && mayGain(this.#own(this.#sample), this.table.bestPace(nowMs, FRESH_LIMIT_MS))
  }

  decide(input: DecisionInput): Decision {
    return decide(input)
  }

  /** What to ask the target of a decided move. */
  request(move: Move, job: DecisionJob): ReservationRequest {
    const { loadThere, loadThereAfter } = move.weighing
    return { job: job.id, from: this.#self, kind: 'move', load: loadThereAfter - loadThere, rssKiB: job.rssKiB, assumedLoad: loadThere, forMemory: move.cause === 'memory' }
  }

  /** Where a job that starts now should start (`mosrun -j auto`), with what to ask that node; undefined: here. */
  place(job: { id: string } & Pick<DecisionJob, 'rssKiB' | 'mask' | 'cpuClass'>, now: Moment, rules: Rules, clusterSize: number, nowMs: number): ReservationRequest & { target: NodeId } | undefined {
    const sample = this.#sample
    if (sample === undefined) return undefined
    const own = { ...this.#own(sample), load: standardLoad(now.runnable, sample), memoryFreeKiB: now.memoryFreeKiB }
    if (!mayStartAway(own, job, this.table.bestPace(nowMs, FRESH_LIMIT_MS))) return undefined
    const input = this.input([], rules, clusterSize, nowMs)
    const node = input === undefined ? undefined : placeNewJob({ ...input, own }, job)
    if (node === undefined) return undefined
    return {
      target: node.id, job: job.id, from: this.#self, kind: 'start', load: standardLoad(1, node), rssKiB: job.rssKiB, assumedLoad: node.load, forMemory: false,
    }
  }

  /** A job was started elsewhere: it counts there until news come. */
  startedAt(target: NodeId, load: number): void {
    this.table.adjust(target, (entry) => ({ ...entry, load: Math.min(LOAD_LIMIT, entry.load + load), jobs: entry.jobs + 1 }))
  }

  /** Another node asks for a place here. */
  asked(request: ReservationRequest, now: Moment, nowMs: number): ReservationAnswer {
    const sample = this.#sample
    if (sample === undefined) return { granted: false, why: 'it has not measured itself yet', load: 0 }
    const load = request.kind === 'start' ? standardLoad(now.runnable, sample) : this.#views.own
    return this.#reservations.ask(request, {
      load, memoryTotalKiB: sample.memoryTotalKiB, memoryFreeKiB: now.memoryFreeKiB, takes: sample.takes, arriving: this.#arriving > 0,
    }, nowMs)
  }

  /** A job that had a place reserved runs here now: it is load of its own. */
  started(job: string): void {
    this.#reservations.release(job)
  }

  /** A move from here begins: its job counts at the target from now on. */
  leaves(move: Move): void {
    this.#leaving++
    const { target, loadThere, loadThereAfter } = move.weighing
    this.startedAt(target, loadThereAfter - loadThere)
  }

  /** The move ended well; `rssKiB` went over in `tookMs`. */
  left(move: { rssKiB: number; tookMs: number }): void {
    this.#leaving--
    this.#backoff.succeeded()
    this.moves.note(move)
  }

  /** The target refused a move, or did not answer (then its load is not known). */
  refused(target: NodeId, load: number | undefined, nowMs: number): void {
    this.#backoff.refused(target, nowMs)
    if (load !== undefined) this.learned(target, load)
  }

  /** A node told its load in an answer. */
  learned(target: NodeId, load: number): void {
    this.table.adjust(target, (entry) => ({ ...entry, load: Math.min(LOAD_LIMIT, load) }))
  }

  failed(target: NodeId, nowMs: number): void {
    this.#leaving--
    this.#backoff.failed(target, nowMs)
  }

  /** The job of a move ended before the move did. */
  endedHere(): void {
    this.#leaving--
  }

  /** A job begins to arrive here: the place is held until {@link arrived} or {@link notArrived}. */
  arrives(job: string, nowMs: number): void {
    this.#arriving++
    this.#reservations.renew(job, nowMs)
  }

  stillArrives(job: string, nowMs: number): void {
    this.#reservations.renew(job, nowMs)
  }

  arrived(job: string): void {
    this.#arriving = Math.max(0, this.#arriving - 1)
    this.#reservations.release(job)
  }

  /** Load figures this node can vouch for: others', not its own. */
  seen(nowMs: number): SeenLoad[] {
    return this.table.seen(nowMs)
  }

  /** In standard CPUs; 1 before the first sample. */
  get capacity(): number {
    return this.#sample === undefined ? 1 : capacityOf(this.#sample)
  }

  get views(): { own: number; exported: number } {
    return this.#views
  }
}
