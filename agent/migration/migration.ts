import { rmSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { jobIdNamed, type JobId, type JobName } from '../../schema/job.ts'
import { meshAddress } from '../../schema/mesh-address.ts'
import { copyCallSchema, migrationReportSchema, orderSchema, testMoveReportSchema, testOrderSchema, type MigrationReport, type TestMoveReport } from '../../schema/migration.ts'
import type { NodeId } from '../../schema/node-state.ts'
import type { ApiAnswers } from '../api/answers.ts'
import { NodeError } from '../api/node-error.ts'
import { parseGroupRssKiB } from '../balance/proc-load.ts'
import type { AgentContext, Capability } from '../capability.ts'
import { cgroupFigures, movingJobs } from '../jobs/cgroups.ts'
import type { HeldJob } from '../jobs/held-job.ts'
import type { Jobs } from '../jobs/jobs.ts'
import { readTextIfThere } from '../os/files.ts'
import type { Peers } from '../peers/peers.ts'
import { Arrivals, type Arrived } from './arrivals.ts'
import { CantMoveWatch } from './cantmove-watch.ts'
import { Copies } from './copies.ts'
import { ownCpu } from './cpu.ts'
import { asNodeError, Departure } from './departure.ts'
import { HomeLine } from './home-line.ts'
import { HomeLogs } from './home-logs.ts'
import { moveFolder } from './images.ts'
import { needsOf } from './job-cpu.ts'
import { recoverMoves } from './recovery.ts'
import { refusal } from './refusal.ts'
import { answerCheck, askSilentHolders } from './silent-holders.ts'
import { moveToTarget } from './source.ts'
import { testMove } from './test-move.ts'
import { MoveStream } from './wire.ts'

const ORDER_LIMIT_MS = 600_000
const TIDY_MS = 10_000
const READY_LIMIT_MS = 10_000
const READY_POLL_MS = 20

export interface Migration extends Capability {
  answers: Partial<ApiAnswers>
  /** Moves a job that runs here. Throws NodeError; the job goes on here then, unless home is gone. */
  migrateJob(id: JobId, target: NodeId, why: string, progress?: (text: string) => void): Promise<MigrationReport>
  /** Moves a job that runs here, or whose home is here, wherever it runs. Throws NodeError when it stays. */
  orderMove(id: JobId, to: NodeId | 'home' | 'best', progress?: (text: string) => void): Promise<MigrationReport>
}

/** What balancing does for moves. */
export interface MigrationEdges {
  /** Hears of each job that came here, from where and how long it stood still. */
  arrived: Arrived
  /** Where a job that runs here would cost least; undefined when no other node is open to it. */
  bestNode(id: JobId): NodeId | undefined
}

/** Moves jobs between this node and others. */
export function startMigration(context: AgentContext, peers: Peers, jobs: Jobs, edges: MigrationEdges): Migration {
  const mover = new Mover(context, peers, jobs, edges)
  const idOf = (name: JobName): JobId => jobIdNamed(name, context.state.get('identity')?.id ?? 0)
  mover.serve()
  return {
    migrateJob: (id, target, why, progress) => mover.migrate(id, target, why, progress ?? (() => undefined)),
    orderMove: (id, to, progress) => mover.order(id, to, progress ?? (() => undefined)),
    answers: {
      migrate: async ({ job, to }, send) => {
        send({ report: await mover.order(idOf(job), to, (progress) => send({ progress })) })
      },
      testmove: async ({ job }, send) => send(await mover.test(idOf(job))),
    },
    stop: () => mover.stop(),
  }
}

class Mover {
  readonly #context: AgentContext
  readonly #peers: Peers
  readonly #jobs: Jobs
  readonly #edges: MigrationEdges
  readonly #logs: HomeLogs
  readonly #line: HomeLine
  readonly #copies = new Copies()
  readonly #departure: Departure
  readonly #arrivals: Arrivals
  readonly #watch: CantMoveWatch
  #leaving: JobId | undefined
  #endUpkeep = (): void => undefined

  constructor(context: AgentContext, peers: Peers, jobs: Jobs, edges: MigrationEdges) {
    this.#edges = edges
    this.#context = context
    this.#peers = peers
    this.#jobs = jobs
    this.#logs = new HomeLogs(jobs.home, peers, (node) => this.#line.isDead(node))
    this.#line = new HomeLine(context, peers, this.#logs)
    this.#departure = new Departure(this.#copies, this.#line)
    this.#watch = new CantMoveWatch(jobs.holder)
    this.#arrivals = new Arrivals(jobs.holder, this.#copies, this.#line, edges.arrived)
  }

  serve(): void {
    this.#logs.serve()
    this.#peers.serve('migrate', (stream, from, header) => void this.#arrivals.receive(stream, from, header))
    this.#peers.answer('migrate-order', orderSchema, async ({ job, to }, from, progress) => {
      this.#refuseOthers(job, from)
      return this.migrate(job, to, 'by order of its home', progress)
    })
    this.#peers.answer('migrate-test', testOrderSchema, async ({ job }, from) => {
      this.#refuseOthers(job, from)
      return this.test(job)
    })
    this.#peers.answer('migrate-copy', copyCallSchema, async ({ job, message }, from) => {
      this.#arrivals.hear(job, from, message)
      if (message.type === 'check') await answerCheck({ id: job, home: from }, message.epoch, this.#parts())
      return {}
    })
    const unwatch = this.#context.state.watch('identity', () => {
      unwatch()
      void recoverMoves(this.#context, this.#parts()).then(() => this.#beginUpkeep())
    })
    const unwatchStage = this.#context.state.watch('stage', (stage) => {
      if (stage !== 'joined') return
      unwatchStage()
      // The first criu of a boot looks at the whole kernel, and has to be loaded: the first move need not wait for that.
      ownCpu().catch((error: unknown) => this.#context.log.named('migration').warn(`criu does not tell what the processor has: ${String(error)}`))
    })
  }

  /** Only the home of a job gives orders from elsewhere: it has checked who asks. Throws NodeError NOT_YOUR_JOB. */
  #refuseOthers(id: JobId, from: NodeId): void {
    if (this.#jobs.holder.job(id).record.job.home !== from) throw new NodeError('NOT_YOUR_JOB', `node ${from} is not the home of job ${id}`, 'give the order on the home of the job, or on the node where it runs')
  }

  #beginUpkeep(): void {
    const parts = this.#parts()
    const endAsking = askSilentHolders({ ...parts, home: this.#jobs.home, peers: this.#peers })
    const timer = setInterval(() => this.#copies.tidy((id) => parts.holder.jobs.some((job) => job.id === id)), TIDY_MS)
    this.#endUpkeep = () => {
      endAsking()
      clearInterval(timer)
    }
  }

  #parts(): { holder: Jobs['holder']; copies: Copies; line: HomeLine } {
    return { holder: this.#jobs.holder, copies: this.#copies, line: this.#line }
  }

  /** Moves a job that runs here, or has the node do it that holds it. */
  async order(id: JobId, to: NodeId | 'home' | 'best', progress: (text: string) => void): Promise<MigrationReport> {
    const held = this.#jobs.holder.jobs.find((job) => job.id === id)
    const { job } = held?.record ?? this.#jobs.home.job(id)
    const target = to === 'home' ? job.home : to
    if (held) return this.migrate(id, target, 'by order', progress)
    return migrationReportSchema.parse(await this.#peers.call(job.node, 'migrate-order', { job: id, to: target }, { limitMs: ORDER_LIMIT_MS, progress }))
  }

  /** Whether a job could be dumped, tried where it runs. Throws NodeError CANTMOVE. */
  async test(id: JobId): Promise<TestMoveReport> {
    const job = this.#jobs.holder.jobs.find((each) => each.id === id)
    if (!job) return testMoveReportSchema.parse(await this.#peers.call(this.#jobs.home.job(id).job.node, 'migrate-test', { job: id }, { limitMs: ORDER_LIMIT_MS }))
    return this.#whileLeaving(job, () => testMove(job, this.#line.self))
  }

  /** Throws NodeError NO_TARGET. */
  #best(id: JobId): NodeId {
    const node = this.#edges.bestNode(id)
    if (node === undefined) throw new NodeError('NO_TARGET', `no other node that takes guests has room and the processor for job ${id}`, 'see plump nodes --ages; name a node to have it tried')
    return node
  }

  stop(): void {
    this.#watch.stop()
    this.#endUpkeep()
    this.#line.end()
  }

  async migrate(id: JobId, wanted: NodeId | 'best', why: string, progress: (text: string) => void): Promise<MigrationReport> {
    const job = this.#jobs.holder.job(id)
    const to = wanted === 'best' ? this.#best(id) : wanted
    if (to === this.#line.self) throw new NodeError('HERE_ALREADY', `job ${id} is on node ${to} already`, 'name another node')
    if (this.#line.isDead(to)) throw new NodeError('NO_SUCH_NODE', `node ${to} is not among the members that are alive; job ${id} stays where it is`, 'plump nodes lists them')
    return this.#whileLeaving(job, () => this.#move(job, to, why, progress))
  }

  /** One job at a time leaves this node, or is dumped for a test; one that shows why it cannot is not tried. Throws NodeError BUSY or CANTMOVE at once. */
  async #whileLeaving<T>(job: HeldJob, act: () => Promise<T>): Promise<T> {
    if (this.#leaving !== undefined) throw new NodeError('BUSY', `job ${this.#leaving} is leaving this node; one moves at a time`, 'try again in a moment')
    this.#leaving = job.id
    try {
      await untilReady(job)
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
    const next = await this.#departure.grant(job, to)
    const folder = moveFolder(id, next)
    let taken = false
    let stream: MoveStream | undefined
    let stopWatching = (): void => undefined
    movingJobs.set(job.cgroup, 'copying')
    try {
      const offer = { channel: 'migrate', next, record, needs: await needsOf(job), memoryBytes: cgroupFigures(job.cgroup).memoryBytes }
      stream = new MoveStream(await this.#peers.open(to, offer))
      stopWatching = this.#watchTarget(to, stream)
      const figures = await moveToTarget({
        job, to, address: meshAddress(to), ownBytes: ownBytesOf(job.cgroup), folder, stream, progress,
        commit: async () => {
          const said = await this.#departure.commit(job, to, next)
          taken = said !== 'aborted'
          return said
        },
      })
      job.disown()
      this.#context.log.named('migration').info(`job ${id} is on node ${to} now (${why}): froze ${figures.freezeMs} ms of ${figures.totalMs} ms`)
      return { job: id, from: this.#line.self, to, why, ...figures }
    } catch (error) {
      if (taken) job.disown()
      else await this.#departure.withdraw(job)
      const failure = asNodeError(error)
      this.#context.log.named('migration').warn(`job ${id} stays here: ${failure.message}`)
      throw failure
    } finally {
      movingJobs.set(job.cgroup, undefined)
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
}

/** A move may be ordered while the job's root is still being made, or while the job has only just come here. Throws NodeError BUSY. */
async function untilReady(job: HeldJob): Promise<void> {
  const isUnready = (): boolean => job.isLanding || (job.isSettled && !job.hasItsRoot)
  for (let waitedMs = 0; waitedMs < READY_LIMIT_MS && isUnready(); waitedMs += READY_POLL_MS) await pause(READY_POLL_MS)
  if (job.isLanding) throw new NodeError('BUSY', `job ${job.id} has only just come here`, 'try again in a moment')
}

/** What a dump of the job has: its memory without what is cached of files, and what of it is swapped out. */
function ownBytesOf(cgroup: string): number {
  return parseGroupRssKiB(readTextIfThere(`${cgroup}/memory.stat`) ?? '') * 1024 + Number(readTextIfThere(`${cgroup}/memory.swap.current`) ?? 0)
}
