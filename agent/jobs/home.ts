import { mkdirSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Duplex } from 'node:stream'
import * as z from 'zod'
import { jobIdNamed, jobIdOf, jobSchema, jobSpecSchema, type Job, type JobId, type JobName, type JobSpec } from '../../schema/job.ts'
import type { JobOptions } from '../../schema/job-api.ts'
import { jobLinkHeaderSchema } from '../../schema/job-link.ts'
import type { NodeId } from '../../schema/node-state.ts'
import { NodeError } from '../api/node-error.ts'
import type { AgentContext } from '../capability.ts'
import { namesIn, readTextIfThere, removeIfEmpty, writeAtomically } from '../os/files.ts'
import type { Peers } from '../peers/peers.ts'
import { HomeJob, type HomeRecord } from './home-job.ts'
import { FRAME, openLink } from './link.ts'
import { makeNames } from './names.ts'
import { openOutputLog } from './output-log.ts'
import { jobFolder, JOBS_FOLDER, outputFile } from './places.ts'

/** A mosrun that was cut off by a restart of the agent has this long to come back. */
const REATTACH_LIMIT_MS = 30_000
/** Ended jobs that can still be asked about. */
const ENDED_JOBS_LIMIT = 100
export const JOBS_LIMIT = 1_024
const COMMAND_SHOWN_WORDS = 64
const COMMAND_SHOWN_CHARS = 400
const homeRecordSchema = z.object({ job: jobSchema, spec: jobSpecSchema })

/** Options of a job of which it has been decided where it starts. */
export type PlacedOptions = Omit<JobOptions, 'runOn'> & { runOn?: NodeId }

export interface HomeEdges {
  peers: Peers
  changed(): void
}

/** All jobs whose home is this node, wherever they run: their deputies. */
export class Home {
  readonly #context: AgentContext
  readonly #edges: HomeEdges
  readonly #jobs = new Map<JobId, HomeJob>()

  constructor(context: AgentContext, edges: HomeEdges) {
    this.#context = context
    this.#edges = edges
  }

  /** Lets the nodes that hold jobs of this home link up with it. */
  serve(): void {
    this.#edges.peers.serve('job-link', (stream, from, header) => {
      const parsed = jobLinkHeaderSchema.safeParse(header)
      if (parsed.success) this.link(stream, parsed.data.job, parsed.data.epoch, from)
      else stream.destroy()
    })
  }

  /** Takes over the jobs of an agent that ended; a mosrun that waits has a while to come back. */
  takeOver(): void {
    for (const name of namesIn(JOBS_FOLDER)) {
      const text = readTextIfThere(`${JOBS_FOLDER}/${name}/home.json`)
      const record = text === undefined ? undefined : homeRecordSchema.safeParse(JSON.parse(text)).data
      if (record === undefined) continue
      const job = this.#add(record)
      if (!record.job.foreground) this.#openLog(job)
      else if (record.job.outcome === undefined) setTimeout(() => {
        if (job.client === undefined && job.job.outcome === undefined) job.abandon()
      }, REATTACH_LIMIT_MS)
    }
  }

  /** Makes the record of a new job. */
  create(spec: JobSpec, options: PlacedOptions): HomeJob {
    const self = this.#context.state.get('identity')?.id
    if (self === undefined) throw new NodeError('NO_ADDRESS', 'this node has no address yet, so it has no jobs', 'wait until plump status says ready')
    if (this.#running() >= JOBS_LIMIT) throw new NodeError('TOO_MANY_JOBS', `this node is the home of ${JOBS_LIMIT} jobs already`, 'wait for some to end: plump job ls')
    const id = nextJobId(self)
    const home = this.#add({ job: newJob(id, self, spec, options), spec })
    home.update({})
    makeNames(id, home.job.node)
    if (!options.foreground) this.#openLog(home)
    return home
  }

  /** Links the node that holds a job to its deputy; one that does not hold it by the record is told so. */
  link(stream: Duplex, id: JobId, epoch: number, from: NodeId): void {
    const home = this.#jobs.get(id)
    // One that was given up for lost may have been alive all the time: nobody waits for it any more.
    const isLost = home?.job.outcome !== undefined && 'lost' in home.job.outcome
    const isHolder = home !== undefined && !isLost && home.job.epoch === epoch && home.job.node === from
    const link = openLink(stream, {
      frame: (frame, sender) => {
        if (isHolder) home.fromHolder(frame, sender)
      },
      closed: (closed) => home?.detachHolder(closed),
    })
    if (isHolder) return home.attachHolder(link)
    this.#context.log.named('jobs').warn(`node ${from} holds job ${id} (epoch ${epoch}), which is not its to hold`)
    link.send(FRAME.disowned)
  }

  /** By its id, or by its number alone. Throws NodeError NO_JOB. */
  job(name: JobName): HomeJob {
    const self = this.#context.state.get('identity')?.id ?? 0
    const job = this.#jobs.get(jobIdNamed(name, self))
    if (job === undefined) throw new NodeError('NO_JOB', `this node is not the home of a job ${name}`, 'see its jobs with: plump job ls')
    return job
  }

  /** By its whole id; undefined when it was never of this home, or has ended and was forgotten. */
  find(id: JobId): HomeJob | undefined {
    return this.#jobs.get(id)
  }

  get jobs(): readonly HomeJob[] {
    return [...this.#jobs.values()]
  }

  /** Drops all that is left of an ended job. */
  forget(job: HomeJob): void {
    this.#jobs.delete(job.job.id)
    for (const name of ['home.json', 'epochs.json', 'copy.json']) rmSync(`${job.folder}/${name}`, { force: true })
    removeIfEmpty(job.folder)
    rmSync(dirname(outputFile(job.job.id)), { recursive: true, force: true })
    this.#edges.changed()
  }

  /** A node that held jobs of this home is dead, and they with it. */
  holderDied(node: NodeId): void {
    for (const home of this.#jobs.values()) {
      if (home.job.node === node && home.job.outcome === undefined) home.settle({ lost: `node ${node}, on which it ran, failed` })
    }
  }

  /** Forgets the oldest of the ended background jobs when there are too many. */
  tidy(): void {
    const ended = this.jobs.filter(({ job }) => job.outcome !== undefined)
    for (const job of ended.slice(0, Math.max(0, ended.length - ENDED_JOBS_LIMIT))) this.forget(job)
  }

  #running(): number {
    return this.jobs.filter(({ job }) => job.outcome === undefined).length
  }

  #add(record: HomeRecord): HomeJob {
    const folder = jobFolder(record.job.id)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const job = new HomeJob(record, folder, () => this.#edges.changed())
    this.#jobs.set(record.job.id, job)
    return job
  }

  #openLog(job: HomeJob): void {
    const client = openOutputLog(outputFile(job.job.id), (frame) => job.fromClient(frame, client))
    job.attachClient(client)
  }
}

/** Counts up over restarts of the agent, so that an id never means two jobs. */
function nextJobId(home: NodeId): JobId {
  const file = `${JOBS_FOLDER}/last`
  const number = Number(readTextIfThere(file) ?? 0) + 1
  writeAtomically(file, String(number))
  return jobIdOf(home, number)
}

function newJob(id: JobId, home: NodeId, spec: JobSpec, options: PlacedOptions): Job {
  return {
    id, home, node: options.runOn ?? home, state: 'starting', epoch: 1, uid: spec.uid,
    command: spec.command.slice(0, COMMAND_SHOWN_WORDS).map((word) => word.slice(0, COMMAND_SHOWN_CHARS)),
    directory: spec.directory, foreground: options.foreground, terminal: spec.stdio !== 'pipes', started: new Date().toISOString(),
    cpuSeconds: 0, memoryBytes: 0, processes: 0, niceness: spec.niceness, migrations: 0,
    lock: options.lock, mask: options.mask, hints: options.hints, limits: spec.limits,
  }
}
