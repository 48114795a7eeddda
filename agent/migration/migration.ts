import { rmSync } from 'node:fs'
import type { Job, JobId } from '../../schema/job.ts'
import { meshAddress } from '../../schema/mesh-address.ts'
import { copyCallSchema, migrationReportSchema, orderSchema, testMoveReportSchema, testOrderSchema, type MigrationReport, type TestMoveReport } from '../../schema/migration.ts'
import type { NodeId } from '../../schema/node-state.ts'
import type { ApiAnswers } from '../api/answers.ts'
import { NodeError } from '../api/node-error.ts'
import type { AgentContext, Capability } from '../capability.ts'
import { cgroupFigures, setMoving } from '../jobs/cgroups.ts'
import type { HeldJob } from '../jobs/held-job.ts'
import type { Jobs } from '../jobs/jobs.ts'
import type { Peers } from '../peers/peers.ts'
import { Arrivals, type Arrived } from './arrivals.ts'
import { CantMoveWatch } from './cantmove-watch.ts'
import type { Copy, ToCopy } from './commit-machine.ts'
import { Copies } from './copies.ts'
import { HomeLine } from './home-line.ts'
import { HomeLogs } from './home-logs.ts'
import { moveFolder } from './images.ts'
import { needsOf } from './job-cpu.ts'
import { recoverMoves } from './recovery.ts'
import { refusal } from './refusal.ts'
import { moveToTarget } from './source.ts'
import { testMove } from './test-move.ts'
import { MoveStream } from './wire.ts'

const ORDER_LIMIT_MS = 600_000

export interface Migration extends Capability {
  answers: Partial<ApiAnswers>
  /** Moves a job that runs here. Throws NodeError; the job goes on here then, unless home is gone. */
  migrateJob(id: JobId, target: NodeId, why: string, progress?: (text: string) => void): Promise<MigrationReport>
  /** Moves a job that runs here, or whose home is here, wherever it runs. Throws NodeError when it stays. */
  orderMove(id: JobId, to: NodeId | 'home' | 'best', progress?: (text: string) => void): Promise<MigrationReport>
}

/** Moves jobs between this node and others; `arrived` hears of each that came here, from where and how long it stood still. */
export function startMigration(context: AgentContext, peers: Peers, jobs: Jobs, arrived: Arrived): Migration {
  const mover = new Mover(context, peers, jobs, arrived)
  mover.serve()
  return {
    migrateJob: (id, target, why, progress) => mover.migrate(id, target, why, progress ?? (() => undefined)),
    orderMove: (id, to, progress) => mover.order(id, to, progress ?? (() => undefined)),
    answers: {
      migrate: async ({ job, to }, send) => {
        send({ report: await mover.order(job, to, (progress) => send({ progress })) })
      },
      testmove: async ({ job }, send) => send(await mover.test(job)),
    },
    stop: () => mover.stop(),
  }
}

class Mover {
  readonly #context: AgentContext
  readonly #peers: Peers
  readonly #jobs: Jobs
  readonly #logs: HomeLogs
  readonly #line: HomeLine
  readonly #copies = new Copies()
  readonly #arrivals: Arrivals
  readonly #watch: CantMoveWatch
  #leaving: JobId | undefined

  constructor(context: AgentContext, peers: Peers, jobs: Jobs, arrived: Arrived) {
    this.#context = context
    this.#peers = peers
    this.#jobs = jobs
    this.#logs = new HomeLogs(jobs.home, peers, (node) => this.#line.isDead(node))
    this.#line = new HomeLine(context, peers, this.#logs)
    this.#watch = new CantMoveWatch(jobs.holder)
    this.#arrivals = new Arrivals(jobs.holder, this.#copies, this.#line, arrived)
  }

  serve(): void {
    this.#logs.serve()
    this.#peers.serve('migrate', (stream, from, header) => void this.#arrivals.receive(stream, from, header))
    this.#peers.answer('migrate-order', orderSchema, ({ job, to }) => this.migrate(job, to, 'by order of its home', () => undefined))
    this.#peers.answer('migrate-test', testOrderSchema, ({ job }) => this.test(job))
    this.#peers.answer('migrate-copy', copyCallSchema, ({ job, message }) => {
      this.#arrivals.hear(job, message)
      return Promise.resolve({})
    })
    const unwatch = this.#context.state.watch('identity', () => {
      unwatch()
      void recoverMoves(this.#context, { holder: this.#jobs.holder, copies: this.#copies, line: this.#line })
    })
  }

  /** Moves a job that runs here, or has the node do it that holds it. */
  async order(id: JobId, to: NodeId | 'home' | 'best', progress: (text: string) => void): Promise<MigrationReport> {
    const held = this.#jobs.holder.jobs.find((job) => job.id === id)
    const { job } = held?.record ?? this.#jobs.home.job(id)
    const target = to === 'home' ? job.home : to === 'best' ? this.#best(job.node) : to
    if (held) return this.migrate(id, target, 'by order', progress)
    return migrationReportSchema.parse(await this.#peers.call(job.node, 'migrate-order', { job: id, to: target }, ORDER_LIMIT_MS))
  }

  /** Whether a job could be dumped, tried where it runs. Throws NodeError CANTMOVE. */
  async test(id: JobId): Promise<TestMoveReport> {
    const job = this.#jobs.holder.jobs.find((each) => each.id === id)
    if (!job) return testMoveReportSchema.parse(await this.#peers.call(this.#jobs.home.job(id).job.node, 'migrate-test', { job: id }, ORDER_LIMIT_MS))
    return this.#whileLeaving(job, () => testMove(job, this.#line.self))
  }

  /** Any other member that is alive; the balancer knows better. */
  #best(but: NodeId): NodeId {
    const [member] = this.#context.state.get('members').filter(({ id, state }) => state === 'alive' && id !== but)
    if (!member) throw new NodeError('NO_TARGET', 'there is no other node', 'start one: plump nodes')
    return member.id
  }

  stop(): void {
    this.#watch.stop()
    this.#line.end()
  }

  async migrate(id: JobId, to: NodeId, why: string, progress: (text: string) => void): Promise<MigrationReport> {
    const job = this.#jobs.holder.job(id)
    if (to === this.#line.self) throw new NodeError('HERE_ALREADY', `job ${id} is on node ${to} already`, 'name another node')
    if (this.#line.isDead(to)) throw new NodeError('NO_SUCH_NODE', `node ${to} is not among the members that are alive; job ${id} stays where it is`, 'plump nodes lists them')
    return this.#whileLeaving(job, () => this.#move(job, to, why, progress))
  }

  /** One job at a time leaves this node, or is dumped for a test; one that shows why it cannot is not tried. Throws NodeError BUSY or CANTMOVE at once. */
  async #whileLeaving<T>(job: HeldJob, act: () => Promise<T>): Promise<T> {
    if (this.#leaving !== undefined) throw new NodeError('BUSY', `job ${this.#leaving} is leaving this node; one moves at a time`, 'try again in a moment')
    this.#leaving = job.id
    try {
      const reason = this.#watch.check(job)
      if (reason) throw refusal(reason)
      return await act()
    } catch (error) {
      if (error instanceof NodeError && error.code === 'CANTMOVE') this.#watch.refused(job, error.message)
      throw error
    } finally {
      this.#leaving = undefined
    }
  }

  async #move(job: HeldJob, to: NodeId, why: string, progress: (text: string) => void): Promise<MigrationReport> {
    const { record } = job
    const { id } = record.job
    const next = await this.#grant(job, to)
    const folder = moveFolder(id, next)
    let taken = false
    let stream: MoveStream | undefined
    let stopWatching = (): void => undefined
    setMoving(job.cgroup, true)
    try {
      const offer = { channel: 'migrate', next, record, needs: await needsOf(job), memoryBytes: cgroupFigures(job.cgroup).memoryBytes }
      stream = new MoveStream(await this.#peers.open(to, offer))
      stopWatching = this.#watchTarget(to, stream)
      await stream.expect('welcome')
      const figures = await moveToTarget({
        job, to, address: meshAddress(to), folder, stream, progress,
        commit: async () => {
          const said = await this.#commit(job, to, next)
          taken = said !== 'aborted'
          return said
        },
      })
      job.disown()
      this.#context.log.named('migration').info(`job ${id} is on node ${to} now (${why}): froze ${figures.freezeMs} ms of ${figures.totalMs} ms`)
      return { job: id, from: this.#line.self, to, why, ...figures }
    } catch (error) {
      if (taken) job.disown()
      else await this.#withdraw(job)
      const failure = asNodeError(error)
      this.#context.log.named('migration').warn(`job ${id} stays here: ${failure.message}`)
      throw failure
    } finally {
      setMoving(job.cgroup, false)
      stopWatching()
      stream?.close()
      rmSync(folder, { recursive: true, force: true })
    }
  }

  /** A target that died says nothing: its connection is ended as soon as the members know. */
  #watchTarget(to: NodeId, stream: MoveStream): () => void {
    return this.#context.state.watch('members', () => {
      if (this.#line.isDead(to)) stream.destroy()
    })
  }

  /** Home's leave and the number of the move. Throws NodeError: home's refusal, or why it cannot be asked. */
  async #grant({ record: { job } }: HeldJob, to: NodeId): Promise<number> {
    const copy = this.#copies.step(job, { type: 'start', to, attempt: Date.now() })
    if (copy.at !== 'asking') throw new NodeError('BUSY', `job ${job.id} is ${copy.at}`, 'try again in a moment')
    try {
      for (const message of await this.#line.say(job, { type: 'begin', epoch: copy.epoch, to: copy.to, attempt: copy.attempt })) {
        const now = this.#copies.step(job, { type: 'message', from: job.home, message })
        if (now.at === 'moving') return now.next
      }
    } catch (error) {
      this.#copies.step(job, { type: 'recovered' })
      throw asNodeError(error)
    }
    throw new NodeError('NOT_GRANTED', `home does not let job ${job.id} go`, 'see plump log on its home')
  }

  /** The job is frozen here and stands there. Asks until home has spoken, or is dead. */
  async #commit({ record: { job } }: HeldJob, to: NodeId, next: number): Promise<'committed' | 'aborted' | 'gone'> {
    let copy = this.#copies.step(job, { type: 'message', from: to, message: { type: 'restored', next } })
    let committed = false
    while (copy.at === 'committing') {
      const messages = await this.#line.insist(job, { type: 'commit', epoch: copy.epoch, next })
      committed = messages?.some(({ type }) => type === 'committed') ?? false
      copy = this.#heed(job, messages)
    }
    if (committed) return 'committed'
    return copy.at === 'none' ? 'gone' : 'aborted'
  }

  /** The job runs here again; home is to know that the move is off. */
  async #withdraw({ record: { job } }: HeldJob): Promise<void> {
    let copy = this.#copies.step(job, { type: 'copy-failed' })
    while (copy.at === 'withdrawing') copy = this.#heed(job, await this.#line.insist(job, { type: 'withdraw', epoch: copy.epoch, next: copy.next }))
  }

  /** What home answered; nothing, when it is dead: then the job is, too. */
  #heed(job: Job, messages: readonly ToCopy[] | undefined): Copy {
    if (!messages) return this.#copies.step(job, { type: 'home-failed' })
    return messages.map((message) => this.#copies.step(job, { type: 'message', from: job.home, message })).at(-1) ?? this.#copies.step(job, { type: 'timeout' })
  }
}

/** Whatever went wrong, the job goes on here, and its user is to read that. */
function asNodeError(error: unknown): NodeError {
  if (error instanceof NodeError) return error
  return new NodeError('MOVE_FAILED', `the move failed: ${error instanceof Error ? error.message : String(error)}`, 'the job goes on where it was; plump log on both nodes has more')
}
