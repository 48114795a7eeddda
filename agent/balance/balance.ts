import { setTimeout as pause } from 'node:timers/promises'
import { balanceCallSchema, reservationAnswerSchema } from '../../schema/balance-api.ts'
import type { BalanceCall, Loads } from '../../schema/balance-api.ts'
import type { DecisionJob, Move } from '../../schema/decision.ts'
import { STANDARD_SPEED } from '../../schema/load.ts'
import type { NodeId } from '../../schema/node-state.ts'
import type { ApiAnswers } from '../api/answers.ts'
import { NodeError } from '../api/node-error.ts'
import type { AgentContext, Capability } from '../capability.ts'
import { readTextIfThere } from '../os/files.ts'
import type { Peers } from '../peers/peers.ts'
import { Balancer } from './balancer.ts'
import type { Rules } from './balancer.ts'
import { cpuClassOf } from './cpu-class.ts'
import { DECISION_LOG, DecisionLog } from './decision-log.ts'
import { explain } from './explain.ts'
import { GossipSocket } from './gossip-socket.ts'
import { HeldJobs } from './held-jobs.ts'
import type { HeldJob } from './held-jobs.ts'
import { LastKnown } from './last-known.ts'
import { whatFailed } from './move-failure.ts'
import { Sampler } from './sampler.ts'
import { measureSpeed } from './speed.ts'

const SECOND_MS = 1_000
/** A reservation is asked for and answered within this time, or the move is not made. */
const CALL_LIMIT_MS = 3_000
const RENEW_MS = 2_000
const CHANNEL = 'balance'
const RECORDS_SHOWN = 20

/** What moves jobs and knows those that are here; given to {@link Balance.connect} by main. */
export interface JobMover {
  held(): readonly HeldJob[]
  rules(): Rules & { takes: boolean; gives: boolean }
  /** Moves a job that is here; gives how long it stood still. Throws NodeError when it stays. */
  migrate(job: string, target: NodeId, why: string): Promise<{ freezeMs: number }>
}

/** As long as nobody runs jobs here: load is told of, nothing is taken or moved. */
const NO_JOBS: JobMover = {
  held: () => [],
  rules: () => ({ stay: true, lstay: false, quiet: false, takes: false, gives: false }),
  migrate: (job) => Promise.reject(new NodeError('NO_SUCH_JOB', `job ${job} is not here`, 'plump job ls')),
}

export interface Balance extends Capability {
  connect(mover: JobMover): void
  /** A job arrived here by a move from `from` in which it stood still so long. */
  arrived(job: string, from: NodeId, freezeMs: number): void
  answers: Partial<ApiAnswers>
}

/**
 * Measures this node's load once a second, tells it, and moves jobs to where they cost least. It begins when the node is ready. A speed that somebody
 * sets goes to `setSpeed`, which keeps it in state `admin`; null: as measured.
 */
export function startBalance(context: AgentContext, peers: Peers, setSpeed: (speed: number | null) => void): Balance {
  const driver = new Driver(context, peers, setSpeed)
  const unwatch = context.state.watch('stage', () => driver.begin())
  driver.begin()
  return {
    connect: (mover) => driver.connect(mover),
    arrived: (job, from, freezeMs) => driver.jobs.arrived(job, from, freezeMs),
    answers: driver.answers(),
    stop() {
      unwatch()
      driver.stop()
    },
  }
}

class Driver {
  readonly jobs = new HeldJobs()
  readonly #context: AgentContext
  readonly #peers: Peers
  readonly #setSpeed: (speed: number | null) => void
  readonly #sampler = new Sampler()
  readonly #log = new DecisionLog()
  readonly #known = new LastKnown()
  readonly #cpuClass = cpuClassOf(readTextIfThere('/proc/cpuinfo') ?? '')
  #mover = NO_JOBS
  #balancer: { node: NodeId; core: Balancer } | undefined
  #gossip: GossipSocket | undefined
  #timer: NodeJS.Timeout | undefined
  #measuredSpeed: number | undefined
  #lastMs = 0
  #stopped = false

  constructor(context: AgentContext, peers: Peers, setSpeed: (speed: number | null) => void) {
    this.#context = context
    this.#peers = peers
    this.#setSpeed = setSpeed
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

  answers(): Partial<ApiAnswers> {
    return {
      why: ({ job }, send) => {
        const about = this.#log.about(job)
        if (about === undefined || this.#balancer === undefined) {
          throw new NodeError('NOT_DECIDED', `nothing was decided about job ${job} on this node`, 'ask on the node where it runs, see: plump job ls')
        }
        send({ node: this.#balancer.node, ...about, text: explain(about.judgement, this.#balancer.node) })
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
      'set-speed': async ({ speed }, send) => {
        if (speed === 'measure') await this.#measure()
        this.#setSpeed(typeof speed === 'number' ? speed : null)
        send({ speed: this.#speed() })
      },
    }
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
    this.jobs.measured(held, figures.jobs, now, Math.min(10, (now - this.#lastMs) / 1_000))
    this.#lastMs = now
    core.measured({ ...figures, speed: this.#speed(), jobs: held.length, gives: rules.gives, takes: rules.takes, cpuClass: this.#cpuClass })
    const members = new Set(state.get('members').filter((member) => member.state === 'alive').map((member) => member.id))
    core.table.keepOnly((id) => members.has(id))
    this.#known.keepOnly((id) => members.has(id))
    const message = core.message(now)
    if (message !== undefined && !rules.quiet) this.#gossip?.tell(node, message, Math.random)
    state.set('loads', this.#loads())
    this.#decide(core, held, rules, Math.max(1, members.size), now)
  }

  #decide(core: Balancer, held: readonly HeldJob[], rules: Rules, clusterSize: number, now: number): void {
    if (held.length === 0) return
    const jobs = this.jobs.view(held, this.#cpuClass, now, Date.now())
    const input = core.input(jobs, rules, clusterSize, now)
    if (input === undefined) return
    const { move, judgements } = core.decide(input)
    this.#log.note(input, judgements, now, new Date().toISOString())
    const job = jobs.find(({ id }) => id === move?.job)
    if (move !== undefined && job !== undefined) void this.#move(core, move, job)
  }

  async #move(core: Balancer, move: Move, job: DecisionJob): Promise<void> {
    const { nowMs } = this.#context
    const { target } = move.weighing
    const log = this.#context.log.named('balance')
    const { from: _, ...request } = core.request(move, job)
    core.leaves(move)
    const answer = reservationAnswerSchema.safeParse(await this.#call(target, { do: 'reserve', ...request }))
    if (!answer.success || !answer.data.granted) {
      core.endedHere()
      core.refused(target, answer.success && !answer.data.granted ? answer.data.load : undefined, nowMs())
      return log.info(`job ${job.id}: node ${target} refuses it: ${answer.success && !answer.data.granted ? answer.data.why : 'no answer'}`)
    }
    const renewal = setInterval(() => void this.#call(target, { do: 'renew', job: job.id }), RENEW_MS)
    const why = explain(move, this.#balancer?.node ?? 0)
    const beganMs = nowMs()
    log.info(`job ${job.id} ${why}`)
    try {
      await this.#mover.migrate(job.id, target, why)
      core.left({ rssKiB: job.rssKiB, tookMs: nowMs() - beganMs })
    } catch (error) {
      this.#moveFailed(core, { job: job.id, target }, error)
    } finally {
      clearInterval(renewal)
      void this.#call(target, { do: 'release', job: job.id })
    }
  }

  #moveFailed(core: Balancer, { job, target }: { job: string; target: NodeId }, error: unknown): void {
    const now = this.#context.nowMs()
    const failure = whatFailed(error)
    const why = error instanceof Error ? error.message : String(error)
    this.#context.log.named('balance').warn(`job ${job} stays: ${why}`)
    if (failure === 'failed') return core.failed(target, now)
    core.endedHere()
    if (failure === 'refused') core.refused(target, undefined, now)
    if (failure === 'cantmove') this.jobs.cannotMove(job, why, now)
  }

  /** Undefined when the other does not answer: a reservation that is not heard of ends by itself. */
  #call(target: NodeId, call: BalanceCall): Promise<unknown> {
    return this.#peers.call(target, CHANNEL, call, CALL_LIMIT_MS).catch(() => undefined)
  }

  #answer(call: BalanceCall, from: NodeId): unknown {
    const core = this.#balancer?.core
    if (core === undefined) throw new NodeError('NOT_YET', 'this node does not balance yet', 'try again when it is ready')
    const now = this.#context.nowMs()
    if (call.do === 'renew') return core.stillArrives(call.job, now)
    if (call.do === 'release') return core.arrived(call.job)
    const { do: _, ...request } = call
    const load = core.views.own * core.capacity
    return core.asked({ ...request, from }, { runnable: load, memoryFreeKiB: this.#sampler.memoryFreeKiB() }, now)
  }

  #loads(): Loads {
    const now = this.#context.nowMs()
    const self = this.#balancer?.core.ownEntry(now)
    return {
      ...(self === undefined ? {} : { self }),
      ownLoad: this.#balancer?.core.views.own ?? 0,
      ...(this.#measuredSpeed === undefined ? {} : { measuredSpeed: this.#measuredSpeed }),
      others: this.#known.seen(now),
    }
  }
}
