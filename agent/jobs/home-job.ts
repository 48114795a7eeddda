import type { Job, JobSpec, Outcome } from '../../schema/job.ts'
import { outcomeSchema } from '../../schema/job.ts'
import { jobFiguresSchema } from '../../schema/job-link.ts'
import { nowMs } from '../os/clock.ts'
import { writeAtomically } from '../os/files.ts'
import type { Frame } from '../peers/frames.ts'
import { encodeJson, encodePosition, FRAME, type Link } from './link.ts'

/** What a restarted agent must know of a job whose home is here; lies in FOLDER/home.json. */
export interface HomeRecord {
  job: Job
  spec: JobSpec
}

/** Who is at the user's end of a job: the mosrun that waits for it, or the file that keeps the output of a background job. */
export type JobClient = Pick<Link, 'send' | 'pass' | 'close'>

/** Frames that go from the node that holds a job to its user as they are, and back. */
const TO_CLIENT: readonly number[] = [FRAME.data, FRAME.end, FRAME.ack, FRAME.resume, FRAME.suspend]
const TO_HOLDER: readonly number[] = [FRAME.data, FRAME.end, FRAME.ack, FRAME.resume, FRAME.gone, FRAME.signal, FRAME.size, FRAME.suspend]
/** What a job on its way cannot take: neither the copy that is left nor the one that comes would have it. */
const ORDERS: readonly number[] = [FRAME.gone, FRAME.signal, FRAME.size, FRAME.suspend]
/** Nobody types as many while a job moves; of more, the first count. */
const WAITING_ORDERS_LIMIT = 64

/**
 * The deputy: what a job is at its home node, wherever it runs. It joins the node that holds the job to its user, keeps nothing of what passes,
 * and has on record who holds it and how it ended.
 */
export class HomeJob {
  readonly record: HomeRecord
  readonly folder: string
  readonly #changed: () => void
  #holder: Link | undefined
  #client: JobClient | undefined
  #silentSinceMs: number | undefined = nowMs()
  readonly #waitingOrders: Frame[] = []
  readonly #waiters = new Set<(outcome: Outcome) => void>()

  constructor(record: HomeRecord, folder: string, changed: () => void) {
    this.record = record
    this.folder = folder
    this.#changed = changed
  }

  get job(): Job {
    return this.record.job
  }

  get client(): JobClient | undefined {
    return this.#client
  }

  /** Since when the node that holds it has had no link to here; undefined while it has. */
  get silentSinceMs(): number | undefined {
    return this.#silentSinceMs
  }

  /** Changes the record and writes it down. */
  update(change: Partial<Job>): void {
    const before = this.job.node
    this.record.job = { ...this.record.job, ...change }
    writeAtomically(`${this.folder}/home.json`, JSON.stringify(this.record), 0o600)
    // The link of a node that has given it away says nothing of it any more.
    if (this.job.node !== before) this.#lostHolder()
    this.#sendOrders()
    this.#changed()
  }

  /** The node that holds it has opened its link; the one before is of no more use. */
  attachHolder(link: Link): void {
    this.#holder?.close()
    this.#holder = link
    this.#silentSinceMs = undefined
    this.#greet()
    this.#sendOrders()
  }

  detachHolder(link: Link): void {
    if (this.#holder === link) this.#lostHolder()
  }

  /** The user's end is there (again). It gets the outcome at once when there is one already. */
  attachClient(client: JobClient): void {
    this.#client?.close()
    this.#client = client
    this.#greet()
    const { outcome } = this.job
    if (outcome !== undefined) client.send(FRAME.outcome, encodeJson(outcome))
  }

  /** The user's end went away: its terminal was closed, or mosrun was killed. The job sees what any program would see then. */
  detachClient(client: JobClient): void {
    if (this.#client !== client) return
    this.#client = undefined
    if (this.job.outcome === undefined) this.abandon()
  }

  /** Nobody is at the other end of its streams any more, nor will be. */
  abandon(): void {
    for (const stream of [1, 2] as const) this.#order({ kind: FRAME.gone, body: encodePosition(stream, 0) })
    this.#order({ kind: FRAME.signal, body: encodeJson({ signal: 'SIGHUP', to: 'all' }) })
  }

  /** A frame from the node that holds it. Throws for one that breaks the format. */
  fromHolder(frame: Frame, link: Link): void {
    if (link !== this.#holder) return
    if (TO_CLIENT.includes(frame.kind)) return this.#client?.pass(frame)
    if (frame.kind === FRAME.figures) return this.#takeFigures(frame)
    if (frame.kind !== FRAME.outcome) throw new RangeError(`the holder of a job does not send frames of kind ${frame.kind}`)
    this.settle(outcomeSchema.parse(JSON.parse(frame.body.toString('utf8'))))
    link.send(FRAME.settled)
  }

  /** A frame from the user's end. Throws for one that breaks the format. */
  fromClient(frame: Frame, client: JobClient): void {
    if (client !== this.#client) return
    if (!TO_HOLDER.includes(frame.kind)) throw new RangeError(`the user of a job does not send frames of kind ${frame.kind}`)
    if (ORDERS.includes(frame.kind)) this.#order(frame)
    else this.#holder?.pass(frame)
  }

  /** It has ended: puts that on record, once, and tells all who wait. */
  settle(outcome: Outcome): void {
    if (this.job.outcome !== undefined) return
    this.update({ state: 'ended', outcome, processes: 0, memoryBytes: 0 })
    this.#client?.send(FRAME.outcome, encodeJson(outcome))
    for (const waiter of this.#waiters) waiter(outcome)
    this.#waiters.clear()
  }

  /** Resolves when it has ended; rejects when `signal` fires before. */
  ended(signal: AbortSignal): Promise<Outcome> {
    const { outcome } = this.job
    if (outcome !== undefined) return Promise.resolve(outcome)
    return new Promise((resolve, reject) => {
      this.#waiters.add(resolve)
      signal.addEventListener('abort', () => {
        this.#waiters.delete(resolve)
        reject(new Error('nobody waits any more'))
      })
    })
  }

  /** Its holder is not to hold it any more. */
  disown(): void {
    this.#holder?.send(FRAME.disowned)
  }

  /** Both ends are there: they now tell each other where they are. */
  #greet(): void {
    if (this.#holder === undefined || this.#client === undefined) return
    this.#holder.send(FRAME.hello)
    this.#client.send(FRAME.hello)
  }

  #lostHolder(): void {
    this.#holder = undefined
    this.#silentSinceMs = nowMs()
  }

  #order(frame: Frame): void {
    if (this.#waitingOrders.length < WAITING_ORDERS_LIMIT) this.#waitingOrders.push(frame)
    this.#sendOrders()
  }

  /** To the node that holds it, unless it is on its way from there. */
  #sendOrders(): void {
    if (this.#holder === undefined || this.job.state === 'migrating') return
    for (const frame of this.#waitingOrders.splice(0)) this.#holder.pass(frame)
  }

  #takeFigures(frame: Frame): void {
    const { stopped, cantmove, ...figures } = jobFiguresSchema.parse(JSON.parse(frame.body.toString('utf8')))
    const { state } = this.job
    const now = state === 'running' || state === 'stopped' ? (stopped ? 'stopped' : 'running') : state
    this.record.job = { ...this.record.job, ...figures, state: now, cantmove }
    this.#changed()
  }
}
