import { rmSync, writeFileSync } from 'node:fs'
import type { Job, JobSpec, Outcome } from '../../schema/job.ts'
import { signalRequestSchema, windowSizeSchema, type JobFigures, type WindowSize } from '../../schema/job-link.ts'
import type { Log } from '../log.ts'
import { currentMounts } from '../mfs/nfs-client.ts'
import { readTextIfThere, removeIfEmpty, writeAtomically } from '../os/files.ts'
import type { Frame } from '../peers/frames.ts'
import { ArrivalOrders } from './arrival-orders.ts'
import { ARRIVAL_FILE, dropArrival, hasArrival, noteArrival, readArrival } from './arrival-state.ts'
import { cgroupOf, killCgroup, limitCpus, makeCgroup, memoryKillsIn, removeCgroup } from './cgroups.ts'
import { reniceJob, setWindowSize, signalJob, suspendByTerminal } from './control.ts'
import { JobGauge } from './job-gauge.ts'
import { commandKeeper, keeperEnd, runningKeeper, startKeeper } from './keeper.ts'
import { decodeData, decodePosition, encodeJson, FRAME, type Link } from './link.ts'
import { parseOutcome } from './outcome.ts'
import { boundMounts, mountTable, type BoundMount, type JobPlace } from './mounts.ts'
import { jobFolder } from './places.ts'
import { hasItsRoot, initAndMain, processesOfJob } from './processes.ts'
import { busyboxApplets, hiddenByApplet } from './applets.ts'
import { mountsFile, startCommand } from './start-command.ts'
import { JobStdio, type StdioState } from './stdio.ts'
import type { StreamsJson } from './stdio-json.ts'

const TERMINAL_FILE = 'terminal'

/** What a restarted agent must know of a job that runs here; lies in FOLDER/held.json. */
export interface HeldRecord {
  job: Job
  spec: JobSpec
}

export interface HeldJobEvents {
  /** It has ended and its home has that on record, or it went to another node: nothing of it is left here. */
  over(job: HeldJob): void
}

/**
 * A job whose processes run on this node, this being its home or not. It reads and writes the far ends of the job's pipes and exchanges that,
 * by offsets, with the home over a link that may break and come back.
 */
export class HeldJob {
  readonly record: HeldRecord
  readonly place: JobPlace
  readonly folder: string
  readonly cgroup: string
  readonly homeRoot: string
  readonly stdio: JobStdio
  /** Why it cannot move, as far as is known. */
  cantmove: Job['cantmove']
  readonly #events: HeldJobEvents
  readonly #log: Log
  readonly #orders = new ArrivalOrders()
  readonly #gauge: JobGauge
  #link: Link | undefined
  #keeper: number | undefined
  #outcome: Outcome | undefined
  #statusText = ''
  #statusEnded = false
  /** While it moves away, its end here is not the job's end. */
  #leaving = false
  #over = false

  constructor(record: HeldRecord, place: JobPlace, events: HeldJobEvents, log: Log) {
    this.record = record
    this.place = place
    this.folder = jobFolder(place.id)
    this.homeRoot = place.homeRoot
    this.cgroup = cgroupOf(place.id, place.home !== place.self)
    this.#gauge = new JobGauge(this.cgroup)
    this.#events = events
    this.#log = log
    this.stdio = new JobStdio({
      isTerminal: record.spec.stdio !== 'pipes',
      send: (kind, ...body) => this.#link?.send(kind, ...body),
      closeEnd: (command) => this.#keeper !== undefined && commandKeeper(this.#keeper, command),
      stdinPath: () => this.#stdinPath(),
      outputEnded: () => this.#tellOutcome(),
    })
  }

  get id(): string {
    return this.record.job.id
  }

  get outcome(): Outcome | undefined {
    return this.#outcome
  }

  /** Starts it. Throws NodeError JOB_NOT_STARTED. */
  async start(): Promise<void> {
    makeCgroup(this.cgroup, this.record.spec.limits)
    writeFileSync(mountsFile(this.folder), mountTable(this.mounts(), `${this.folder}/root`))
    const { spec } = this.record
    const isHidden = hiddenByApplet(spec, this.homeRoot, await busyboxApplets())
    this.save()
    this.#connect(await startKeeper(startCommand(spec, { folder: this.folder, cgroup: this.cgroup, homeRoot: this.homeRoot, isHidden })), { from: 'start' })
  }

  /** Runs the keeper's command line that is to restore the job, once its images are here. Throws NodeError JOB_NOT_STARTED. */
  async prepareArrival(command: readonly string[]): Promise<void> {
    this.save()
    this.#keeper = await startKeeper(command)
  }

  /** It is restored now; its streams stood like this where it was frozen. Until it goes on, they stand so here too. */
  arrive(streams: StreamsJson): void {
    this.#orders.hold()
    if (this.#keeper !== undefined) this.#connect(this.#keeper, noteArrival(this.folder, streams))
  }

  /** It stands here, and has not gone on yet: whose it is, migration knows. */
  get isArriving(): boolean {
    return hasArrival(this.folder)
  }

  /** It goes on now: where its streams stood on arrival is of no more use. */
  goesOn(): void {
    dropArrival(this.folder)
  }

  /** criu is through with it: all its processes run. */
  hasArrived(): void {
    this.#orders.release()
  }

  /** Takes a running job over from an agent that ended; false when its keeper is gone. */
  takeOverRunning(): boolean {
    const keeper = runningKeeper(this.folder)
    const arrival = readArrival(this.folder)
    if (arrival !== undefined) this.#orders.hold()
    // A move may have held it back.
    limitCpus(this.cgroup, this.record.spec.limits.cpus)
    if (keeper !== undefined) this.#connect(keeper, arrival ?? { from: 'unknown' })
    return keeper !== undefined
  }

  /** Writes down what a restarted agent needs. */
  save(): void {
    writeAtomically(`${this.folder}/held.json`, JSON.stringify(this.record), 0o600)
  }

  /** The home can be reached; streams flow once both of their ends have said where they are. */
  attach(link: Link): void {
    this.#link = link
  }

  detach(link: Link): void {
    if (this.#link !== link) return
    this.#link = undefined
    this.stdio.hold()
  }

  get isAttached(): boolean {
    return this.#link !== undefined
  }

  /** A frame from the home. Throws for one that breaks the format. */
  frame(frame: Frame): void {
    switch (frame.kind) {
      case FRAME.hello:
        this.stdio.greet()
        this.#tellOutcome()
        return
      case FRAME.resume: return this.stdio.resume(decodePosition(frame.body))
      case FRAME.ack: return this.stdio.acknowledge(decodePosition(frame.body))
      case FRAME.data: return this.stdio.take(decodeData(frame.body))
      case FRAME.end: return this.stdio.takeEnd(decodePosition(frame.body).offset)
      case FRAME.gone: return this.stdio.readerGone(decodePosition(frame.body).stream)
      case FRAME.signal: return this.signal(signalRequestSchema.parse(parseJson(frame)))
      case FRAME.size:
        if (this.record.spec.stdio === 'pipes') return
        return this.#resize(windowSizeSchema.parse(parseJson(frame)))
      case FRAME.suspend: return this.#suspend()
      case FRAME.settled: return this.#end()
      case FRAME.disowned: return this.disown()
      default: throw new RangeError(`a home does not send frames of kind ${frame.kind}`)
    }
  }

  signal(request: Parameters<typeof signalJob>[1]): void {
    this.#orders.do(() => signalJob(this.cgroup, request))
  }

  renice(niceness: number): void {
    this.#orders.do(() => reniceJob(this.cgroup, niceness))
  }

  /** What it uses now; undefined when it is about to end. */
  figures(): JobFigures | undefined {
    const used = this.#gauge.read()
    const figures = used && this.cantmove ? { ...used, cantmove: this.cantmove } : used
    if (figures !== undefined) this.#link?.send(FRAME.figures, encodeJson(figures))
    return figures
  }

  /** What of this node is mounted into its root. */
  mounts(): BoundMount[] {
    return boundMounts(this.place, currentMounts())
  }

  /** Id of its init on this node, undefined when it has ended. For `criu dump -t`. */
  initPid(): number | undefined {
    return initAndMain(processesOfJob(this.cgroup)).init?.pid
  }

  /** Path of its terminal on this node; undefined for a job on pipes. job-start and job-restore write it down. */
  terminal(): string | undefined {
    return this.record.spec.stdio === 'pipes' ? undefined : readTextIfThere(`${this.folder}/${TERMINAL_FILE}`)?.trim()
  }

  /** From now on the end of its processes here is not the end of the job (true), or is again (false). */
  setLeaving(leaving: boolean): void {
    this.#leaving = leaving
    if (!leaving) this.#tellOutcome()
  }

  /** Its root is made, so that what it has of its own can be told from what it has of the node. */
  get hasItsRoot(): boolean {
    return hasItsRoot(processesOfJob(this.cgroup))
  }

  /** It runs here and is not about to arrive, to leave or to be over. */
  get isSettled(): boolean {
    return !this.#leaving && !this.#over && !this.#statusEnded && !this.isLanding
  }

  /** It stands here, or goes on already, and criu is not through with it: another criu would make that one give up, which ends the job. */
  get isLanding(): boolean {
    return this.#orders.areHeld
  }

  /** The home says that it is not ours to run any more: ends it and forgets it. */
  disown(): void {
    if (!this.#leaving) this.#log.warn(`job ${this.id} is no longer this node's to run: its processes are ended`)
    this.#leaving = true
    this.#end()
  }

  /** What is left of it here can never run again: it ends, and its home says why. */
  lose(why: string): void {
    this.#log.warn(`job ${this.id} is lost: ${why}`)
    this.#outcome = { lost: why.slice(0, 500) }
    killCgroup(this.cgroup)
  }

  /** The agent ends, the job goes on. */
  disconnect(): void {
    this.stdio.close()
  }

  #resize(size: WindowSize): void {
    this.#orders.do(() => void setWindowSize(this.cgroup, size))
  }

  #suspend(): void {
    this.#orders.do(() => void suspendByTerminal(this.cgroup).then((stopped) => this.#link?.send(FRAME.suspend, encodeJson({ stopped }))))
  }

  #connect(keeper: number, state: StdioState): void {
    this.#keeper = keeper
    this.stdio.open((end) => keeperEnd(keeper, end), state, {
      status: (bytes) => { this.#statusText = (this.#statusText + bytes.toString('utf8')).slice(-2_000) },
      statusEnded: () => {
        this.#statusEnded = true
        this.#tellOutcome()
      },
    })
  }

  /** Once the status is complete and all output has been read: the outcome, behind the last of the output. */
  #tellOutcome(): void {
    if (!this.#statusEnded || this.#leaving || this.#over || !this.stdio.isOutputOver) return
    this.#outcome ??= parseOutcome(this.#statusText, memoryKillsIn(this.cgroup))
    if (this.stdio.isFlowing) this.#link?.send(FRAME.outcome, encodeJson(this.#outcome))
  }

  /** The keeper closes its end when stdin ends; init has its own for ever. On a terminal, it is the pipe to `script`, which the keeper alone holds. */
  #stdinPath(): string {
    const init = this.initPid()
    if (this.record.spec.stdio === 'pipes' && init !== undefined) return `/proc/${init}/fd/0`
    return keeperEnd(this.#keeper ?? 0, 'stdin')
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    killCgroup(this.cgroup)
    if (this.#keeper !== undefined) commandKeeper(this.#keeper, 'end')
    this.stdio.close()
    this.#link?.close()
    this.#events.over(this)
  }

  /** Takes away what is left in files; false while its last processes still end. */
  removeTraces(): boolean {
    if (!removeCgroup(this.cgroup)) {
      // One that was about to join the group when the others were ended.
      killCgroup(this.cgroup)
      return false
    }
    for (const name of ['held.json', 'keeper', 'mounts', 'cpu.json', TERMINAL_FILE, ARRIVAL_FILE]) rmSync(`${this.folder}/${name}`, { force: true })
    // Never with what is in it: the root of a home was mounted there, in the job's own view.
    removeIfEmpty(`${this.folder}/root`)
    removeIfEmpty(this.folder)
    return true
  }
}

function parseJson(frame: Frame): unknown {
  return JSON.parse(frame.body.toString('utf8'))
}
