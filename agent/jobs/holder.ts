import { existsSync, mkdirSync } from 'node:fs'
import { duplexPair } from 'node:stream'
import type { Duplex } from 'node:stream'
import * as z from 'zod'
import { jobSchema, jobSpecSchema, type JobId } from '../../schema/job.ts'
import { jobControlRequestSchema, jobStartRequestSchema, type JobControlRequest, type JobFigures } from '../../schema/job-link.ts'
import type { NodeId } from '../../schema/node-state.ts'
import { NodeError } from '../api/node-error.ts'
import type { AgentContext } from '../capability.ts'
import { namesIn, readTextIfThere } from '../os/files.ts'
import type { Peers } from '../peers/peers.ts'
import { cpuShares, prepareCgroups } from './cgroups.ts'
import { HeldJob, type HeldRecord } from './held-job.ts'
import { openLink } from './link.ts'
import type { JobPlace } from './mounts.ts'
import { homeRootOf, jobFolder, JOBS_FOLDER } from './places.ts'

const LINK_RETRY_MS = 500
const SWEEP_MS = 100
const SWEEP_TRIES = 100
const heldRecordSchema = z.object({ job: jobSchema, spec: jobSpecSchema })

export interface HolderEdges {
  peers: Peers
  /** Takes the other end of a link to a job whose home is this very node. */
  linkHere(stream: Duplex, id: JobId, epoch: number): void
  changed(): void
}

/** All jobs whose processes run on this node, this being their home or not. */
export class Holder {
  readonly #context: AgentContext
  readonly #edges: HolderEdges
  readonly #jobs = new Map<JobId, HeldJob>()
  readonly #figures = new Map<JobId, JobFigures>()
  #stopped = false

  constructor(context: AgentContext, edges: HolderEdges) {
    this.#context = context
    this.#edges = edges
  }

  /** Answers what homes ask of this node. */
  serve(): void {
    this.#edges.peers.answer('job-start', jobStartRequestSchema, async (request, from) => {
      if (request.job.home !== from) throw new NodeError('NOT_YOUR_JOB', `node ${from} is not the home of job ${request.job.id}`, 'boot all nodes from images of one version')
      await this.start(request)
      return {}
    })
    this.#edges.peers.answer('job-control', jobControlRequestSchema, (request, from) => {
      if (this.job(request.job).record.job.home !== from) throw new NodeError('NOT_YOUR_JOB', `node ${from} is not the home of job ${request.job}`, 'boot all nodes from images of one version')
      this.control(request)
      return Promise.resolve({})
    })
  }

  /** Starts a job here and opens the link to its home. Throws NodeError JOB_NOT_STARTED, JOB_EXISTS or HOME_UNREACHABLE. */
  async start(record: HeldRecord): Promise<HeldJob> {
    const job = await this.prepare(record)
    try {
      await job.start()
    } catch (error) {
      this.#forget(job)
      throw error
    }
    void this.#keepLinked(job)
    return job
  }

  /**
   * Makes the place for a job without starting it: its folder, its control group's parents, its root. For `start`, and for whoever restores a job here:
   * call {@link HeldJob.prepareArrival} with the keeper's command line then, and {@link Holder.link} once it runs.
   */
  async prepare(record: HeldRecord): Promise<HeldJob> {
    const { id, home } = record.job
    if (this.#jobs.has(id)) throw new NodeError('JOB_EXISTS', `job ${id} is on this node already`, 'see it with: plump job ls')
    const self = this.#self()
    if (home !== self && this.#context.state.get('admin').block) throw new NodeError('BLOCKED', `node ${self} takes no guests`, 'name another node, or say there: mosctl noblock')
    const homeRoot = homeRootOf(home, self)
    if (!existsSync(`${homeRoot}/usr`)) {
      throw new NodeError('HOME_UNREACHABLE', `the files of node ${home} cannot be reached at ${homeRoot}`, 'see whether it is alive with: plump nodes')
    }
    await prepareCgroups()
    mkdirSync(`${jobFolder(id)}/root`, { recursive: true, mode: 0o700 })
    const job = this.#newJob(record, { id, home, self, homeRoot })
    this.#jobs.set(id, job)
    this.#shareCpus()
    return job
  }

  /** Opens the link of a job to its home, and again whenever it breaks. */
  link(job: HeldJob): void {
    void this.#keepLinked(job)
  }

  /** Takes over the jobs that run here since before the agent was started. */
  takeOverRunning(): void {
    for (const name of namesIn(JOBS_FOLDER)) {
      const text = readTextIfThere(`${JOBS_FOLDER}/${name}/held.json`)
      const record = text === undefined ? undefined : heldRecordSchema.safeParse(JSON.parse(text)).data
      if (record === undefined) continue
      const { id, home } = record.job
      const self = this.#self()
      const job = this.#newJob(record, { id, home, self, homeRoot: homeRootOf(home, self) })
      this.#jobs.set(id, job)
      void prepareCgroups().then(() => {
        if (!job.takeOverRunning()) job.disown()
        else if (job.isArriving) job.setLeaving(true)
        else void this.#keepLinked(job)
      })
    }
  }

  /** Throws NodeError NO_JOB. */
  job(id: JobId): HeldJob {
    const job = this.#jobs.get(id)
    if (job === undefined) throw new NodeError('NO_JOB', `job ${id} does not run on this node`, 'see the jobs with: plump job ls')
    return job
  }

  get jobs(): readonly HeldJob[] {
    return [...this.#jobs.values()]
  }

  get hasGuests(): boolean {
    const self = this.#context.state.get('identity')?.id
    return this.jobs.some(({ record }) => record.job.home !== self)
  }

  /** What a job used when last looked at. */
  figuresOf(id: JobId): JobFigures | undefined {
    return this.#figures.get(id)
  }

  control(request: JobControlRequest): void {
    const job = this.job(request.job)
    if (request.do === 'signal') job.signal(request.request)
    else job.renice(request.niceness)
  }

  /** Looks at what each job uses and tells its home. */
  measure(): void {
    for (const job of this.#jobs.values()) {
      const figures = job.figures()
      if (figures !== undefined) this.#figures.set(job.record.job.id, figures)
    }
    if (this.#jobs.size > 0) this.#edges.changed()
  }

  /** The home of these jobs is dead: so are they. */
  homeDied(home: NodeId): void {
    for (const job of this.#jobs.values()) {
      if (job.record.job.home === home) job.disown()
    }
  }

  /** The agent ends; the jobs go on. */
  stop(): void {
    this.#stopped = true
    for (const job of this.#jobs.values()) job.disconnect()
  }

  #self(): NodeId {
    const id = this.#context.state.get('identity')?.id
    if (id === undefined) throw new NodeError('NO_ADDRESS', 'this node has no address yet, so it has no jobs', 'wait until plump status says ready')
    return id
  }

  #newJob(record: HeldRecord, place: JobPlace): HeldJob {
    return new HeldJob(record, place, { over: (job) => this.#forget(job) }, this.#context.log.named('jobs'))
  }

  async #keepLinked(job: HeldJob): Promise<void> {
    while (!this.#stopped && this.#jobs.get(job.record.job.id) === job) {
      const stream = await this.#openToHome(job).catch(() => undefined)
      if (stream !== undefined) {
        await new Promise<void>((resolve) => {
          const link = openLink(stream, {
            frame: (frame) => job.frame(frame),
            closed: (closed) => {
              job.detach(closed)
              resolve()
            },
          })
          job.attach(link)
        })
      }
      await new Promise((resolve) => setTimeout(resolve, LINK_RETRY_MS))
    }
  }

  async #openToHome(job: HeldJob): Promise<Duplex> {
    const { id, home, epoch } = job.record.job
    if (home !== this.#self()) return this.#edges.peers.open(home, { channel: 'job-link', job: id, epoch })
    const [here, there] = duplexPair()
    this.#edges.linkHere(there, id, epoch)
    return here
  }

  #forget(job: HeldJob): void {
    const { id } = job.record.job
    if (this.#jobs.get(id) !== job) return
    this.#jobs.delete(id)
    this.#figures.delete(id)
    this.#shareCpus()
    this.#sweep(job, SWEEP_TRIES)
    this.#edges.changed()
  }

  #shareCpus(): void {
    const self = this.#self()
    const own = this.jobs.filter(({ record }) => record.job.home === self).length
    cpuShares.shareByNumbers(own, this.#jobs.size - own)
  }

  /** The group can be taken away when its last process has ended. */
  #sweep(job: HeldJob, tries: number): void {
    // It has come back meanwhile: what lies there is the newer one's.
    if (this.#jobs.has(job.id) || job.removeTraces()) return
    if (tries > 0) setTimeout(() => this.#sweep(job, tries - 1), SWEEP_MS)
    else this.#context.log.named('jobs').warn(`the control group of job ${job.id} is not empty yet`)
  }
}
