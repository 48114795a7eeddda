import { setTimeout as pause } from 'node:timers/promises'
import { balanceCallSchema } from '../../schema/balance-api.ts'
import type { BalanceCall, Loads } from '../../schema/balance-api.ts'
import type { NodeMask } from '../../schema/decision.ts'
import { STANDARD_SPEED } from '../../schema/load.ts'
import type { NodeId } from '../../schema/node-state.ts'
import { NodeError } from '../api/node-error.ts'
import type { AgentContext } from '../capability.ts'
import { readTextIfThere } from '../os/files.ts'
import type { Peers } from '../peers/peers.ts'
import type { Happening } from '../watch/watch.ts'
import { Balancer } from './balancer.ts'
import type { Moment, Rules } from './balancer.ts'
import { cpuClassOf } from './cpu-class.ts'
import { DecisionLog } from './decision-log.ts'
import { GossipSocket } from './gossip-socket.ts'
import { HeldJobs } from './held-jobs.ts'
import type { HeldJob } from './held-jobs.ts'
import type { JobMover } from './job-mover.ts'
import { LastKnown } from './last-known.ts'
import { CHANNEL, Moves } from './moves.ts'
import { bestNode } from './place.ts'
import { Sampler } from './sampler.ts'
import { measureSpeed } from './speed.ts'

const SECOND_MS = 1_000

/** As long as nobody runs jobs here: load is told of, nothing is taken or moved. */
const NO_JOBS: JobMover = {
  held: () => [],
  rules: () => ({ stay: true, lstay: false, quiet: false, takes: false, gives: false }),
  migrate: (job) => Promise.reject(new NodeError('NO_JOB', `job ${job} is not here`, 'plump job ls')),
}

export interface BalanceEdges {
  /** Hears of moves and refusals. */
  tell(happening: Happening): void
  /** Keeps a speed that somebody set, in state `admin`; null: as measured. */
  setSpeed(speed: number | null): void
}

/** A node's part in balancing, driven by the clock: measure, tell, decide, move. It begins when the node is ready. */
export class Driver {
  readonly jobs = new HeldJobs()
  readonly #context: AgentContext
  readonly #setSpeed: BalanceEdges['setSpeed']
  readonly #moves: Moves
  readonly #sampler = new Sampler()
  readonly log = new DecisionLog()
  readonly #known = new LastKnown()
  readonly #cpuClass = cpuClassOf(readTextIfThere('/proc/cpuinfo') ?? '')
  #mover = NO_JOBS
  #members = 1
  #otherLoad = 0
  #balancer: { node: NodeId; core: Balancer } | undefined
  #gossip: GossipSocket | undefined
  #timer: NodeJS.Timeout | undefined
  #measuredSpeed: number | undefined
  #lastMs = 0
  #stopped = false

  constructor(context: AgentContext, peers: Peers, { tell, setSpeed }: BalanceEdges) {
    this.#context = context
    this.#setSpeed = setSpeed
    this.#moves = new Moves({ context, peers, jobs: this.jobs, mover: () => this.#mover, tell, moved: () => this.#decideAnew() })
    peers.answer(CHANNEL, balanceCallSchema, (call, from) => Promise.resolve(this.#answer(call, from)))
  }

  connect(mover: JobMover): void {
    this.#mover = mover
  }

  /** From `ready` on, so that no boot waits for it. */
  begin(): void {
    const stage = this.#context.state.get('stage')
    if (this.#timer !== undefined || this.#stopped || (stage !== 'ready' && stage !== 'joined')) return
    this.#gossip = new GossipSocket(this.#context, (message) => {
      const nowMs = this.#context.nowMs()
      this.#balancer?.core.heard(message, nowMs)
      this.#known.heard(message, nowMs)
    })
    this.#timer = setInterval(() => this.#second(), SECOND_MS)
    void this.#measure()
  }

  stop(): void {
    this.#stopped = true
    clearInterval(this.#timer)
    this.#gossip?.stop()
  }

  /** This node's id, once it has one. */
  get node(): NodeId | undefined {
    return this.#balancer?.node
  }

  /** CPUs that other programs than jobs used in the last second. */
  get otherLoad(): number {
    return this.#otherLoad
  }

  /** The best node for a job that is about to start, with a place reserved there; undefined: this one. */
  async place(job: { rssKiB: number; mask?: NodeMask }): Promise<NodeId | undefined> {
    if (this.#balancer === undefined) return undefined
    const { node, core } = this.#balancer
    return this.#moves.place(core, node, { ...job, cpuClass: this.#cpuClass, now: this.#moment(), clusterSize: this.#members })
  }

  /** Where a job that runs here would cost least; undefined when no other node is open to it. */
  bestNode(id: string): NodeId | undefined {
    if (this.#balancer === undefined) return undefined
    const now = this.#context.nowMs()
    const jobs = this.jobs.view(this.#mover.held(), this.#cpuClass, now, Date.now())
    const job = jobs.find((each) => each.id === id)
    const input = this.#balancer.core.input(jobs, this.#mover.rules(), this.#members, now)
    return job && input && bestNode(input, job)?.id
  }

  /** Measures the speed of a CPU again and forgets one that was set (`tune`); or sets it, or goes back to what was measured. */
  async setSpeed(speed: number | 'measure' | 'measured'): Promise<number> {
    if (speed === 'measure') await this.#measure()
    this.#setSpeed(typeof speed === 'number' ? speed : null)
    return this.#speed()
  }

  #speed(): number {
    return this.#context.state.get('admin').speed ?? this.#measuredSpeed ?? STANDARD_SPEED
  }

  async #measure(): Promise<void> {
    this.#measuredSpeed = await measureSpeed({ nowMs: this.#context.nowMs, pause: (ms) => pause(ms) })
    this.#context.log.named('balance').info(`speed ${this.#measuredSpeed}, the standard CPU being ${STANDARD_SPEED}`)
  }

  /** Measure, tell one other, decide. */
  #second(): void {
    const { state, nowMs } = this.#context
    const node = state.get('identity')?.id
    if (node === undefined) return
    // Another id is another node to the rest: what was heard of the old one is worth nothing.
    if (this.#balancer?.node !== node) this.#balancer = { node, core: new Balancer(node, Math.random) }
    const { core } = this.#balancer
    const now = nowMs()
    const held = this.#mover.held()
    const rules = this.#mover.rules()
    const figures = this.#sampler.look(held, now)
    this.jobs.measured(held, figures.jobs, now, Math.min(10, (now - this.#lastMs) / 1_000), state.get('admin').decay)
    this.#lastMs = now
    this.#otherLoad = figures.otherCpus
    core.measured({ ...figures, speed: this.#speed(), jobs: held.length, gives: rules.gives, takes: rules.takes, cpuClass: this.#cpuClass })
    const members = new Set(state.get('members').filter((member) => member.state === 'alive').map((member) => member.id))
    core.table.keepOnly((id) => members.has(id))
    this.#known.keepOnly((id) => members.has(id))
    const message = core.message(now)
    if (message !== undefined && !rules.quiet) this.#gossip?.tell(message, Math.random)
    state.set('loads', this.#loads())
    this.#members = Math.max(1, members.size)
    this.#decide(core, held, rules, this.#members, now)
  }

  #decide(core: Balancer, held: readonly HeldJob[], rules: Rules, clusterSize: number, now: number): void {
    if (held.length === 0) return
    const jobs = this.jobs.view(held, this.#cpuClass, now, Date.now())
    const input = core.input(jobs, rules, clusterSize, now)
    if (input === undefined) return
    const { move, judgements } = core.decide(input)
    this.log.note(input, judgements, now, new Date().toISOString())
    const job = jobs.find(({ id }) => id === move?.job)
    if (move !== undefined && job !== undefined) void this.#moves.move(core, input.node, move, job)
  }

  /** A move took longer than a second and is over: the next need not wait for the full second. */
  #decideAnew(): void {
    if (this.#balancer !== undefined && !this.#stopped) this.#decide(this.#balancer.core, this.#mover.held(), this.#mover.rules(), this.#members, this.#context.nowMs())
  }

  #answer(call: BalanceCall, from: NodeId): unknown {
    const core = this.#balancer?.core
    if (core === undefined) throw new NodeError('NOT_YET', 'this node does not balance yet', 'try again when it is ready')
    const now = this.#context.nowMs()
    if (call.do === 'renew') return core.stillArrives(call.job, now)
    if (call.do === 'release') return core.arrived(call.job)
    const { do: _, ...request } = call
    return core.asked({ ...request, from }, this.#moment(), now)
  }

  /** As it is now; the sample of this second may be older than a job that has just come. */
  #moment(): Moment {
    return { runnable: this.#sampler.runnableNow(this.#mover.held()), memoryFreeKiB: this.#sampler.memoryFreeKiB() }
  }

  #loads(): Loads {
    const now = this.#context.nowMs()
    const core = this.#balancer?.core
    const self = core?.ownEntry(now)
    return {
      ...(self === undefined ? {} : { self }),
      ...(core === undefined ? {} : { moves: { overheadMs: core.moves.overheadMs, transferKiBps: core.moves.transferKiBps } }),
      ownLoad: core?.views.own ?? 0,
      ...(this.#measuredSpeed === undefined ? {} : { measuredSpeed: this.#measuredSpeed }),
      others: this.#known.seen(now),
    }
  }
}
