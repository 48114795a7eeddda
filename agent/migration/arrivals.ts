import { existsSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import type { JobId } from '../../schema/job.ts'
import { offerSchema } from '../../schema/migration.ts'
import type { NodeId } from '../../schema/node-state.ts'
import type { PeerHeader } from '../../schema/peer.ts'
import { NodeError } from '../api/node-error.ts'
import { nowMs } from '../os/clock.ts'
import { movingJobs } from '../jobs/cgroups.ts'
import type { HeldJob } from '../jobs/held-job.ts'
import type { Holder } from '../jobs/holder.ts'
import type { ToCopy } from './commit-machine.ts'
import type { Copies } from './copies.ts'
import { ownCpu } from './cpu.ts'
import { whyCpuDiffers } from './cpu-features.ts'
import type { HomeLine } from './home-line.ts'
import { dropSetAside, restoreEnded } from './file-locks.ts'
import { dropImages, moveFolder } from './images.ts'
import { standStillAt } from './hold.ts'
import { rememberNeeds } from './job-cpu.ts'
import { refusal } from './refusal.ts'
import { whyRestoreFailed } from './restore.ts'
import { makeRoom, receiveJob } from './target.ts'
import type { Verdict } from './verdict.ts'
import { MoveStream } from './wire.ts'

/** How long a source may take to end its copy, before the target asks for the locks and waits there. */
const SOURCE_ENDS_MS = 3_000
/** When neither the source nor home has said by then whose a job is that stands here, home is asked, and again. */
const ASK_AFTER_MS = 500

/** A job is here and runs. */
export type Arrived = (job: JobId, from: NodeId, freezeMs: number) => void

/** Jobs that come to this node, one at a time. */
export class Arrivals {
  readonly #holder: Holder
  readonly #copies: Copies
  readonly #line: HomeLine
  readonly #arrived: Arrived
  /** Jobs that stand here, stopped, by id: home's word may come before the source's. */
  readonly #stopped = new Map<JobId, (message: ToCopy) => void>()
  #coming: JobId | undefined

  constructor(holder: Holder, copies: Copies, line: HomeLine, arrived: Arrived) {
    this.#holder = holder
    this.#copies = copies
    this.#line = line
    this.#arrived = arrived
  }

  /** Home's word about a job that stands here. */
  hear(id: JobId, from: NodeId, message: ToCopy): void {
    if (this.#holder.jobs.some((job) => job.id === id && job.record.job.home === from)) this.#stopped.get(id)?.(message)
  }

  /** Answers an offer on the channel `migrate` and takes the job as far as it comes. */
  async receive(stream: Duplex, source: NodeId, header: PeerHeader): Promise<void> {
    const move = new MoveStream(stream)
    const offer = offerSchema.safeParse(header)
    const refuse = (error: unknown): void => {
      const { code, message } = error instanceof NodeError ? error : { code: 'RECEIVE_FAILED', message: `node ${this.#line.self} could not take the job: ${String(error)}` }
      move.answer({ is: 'failed', code, why: message.slice(0, 2_000) })
      move.close()
    }
    if (!offer.success) return refuse(new NodeError('BAD_OFFER', 'the offer is none', 'boot all nodes from images of one version'))
    const { id } = offer.data.record.job
    if (this.#coming !== undefined) return refuse(new NodeError('BUSY', `job ${this.#coming} is coming here; one comes at a time`, 'try again in a moment'))
    this.#coming = id
    const folder = moveFolder(id, offer.data.next)
    let job: HeldJob | undefined
    let verdict: Verdict | undefined
    try {
      const lacks = whyCpuDiffers(offer.data.needs, await ownCpu())
      if (lacks !== undefined) throw refusal({ code: 'cpu', detail: `node ${this.#line.self}: ${lacks}` })
      job = await makeRoom(this.#holder, offer.data, { self: this.#line.self, folder })
      // Whatever is written down of the job is of an earlier stay: it is not here.
      this.#copies.forget(id)
      this.#copies.step(job.record.job, { type: 'message', from: source, message: { type: 'offer', next: offer.data.next } }, { at: 'none' })
      move.answer({ is: 'welcome' })
      const standing = await receiveJob({ job, stream: move, source, self: this.#line.self, folder, memoryBytes: offer.data.memoryBytes, lives: (node) => !this.#line.isDead(node) })
      verdict = standing.verdict
      rememberNeeds(job, offer.data.needs)
      this.#copies.step(job.record.job, { type: 'stands' })
      await this.#awaitVerdict(job, verdict, move, offer.data.next)
      await restoreEnded(job.cgroup, folder)
      const failed = whyRestoreFailed(standing.images)
      if (failed !== undefined && this.#copies.get(id)?.at === 'running') job.lose(`node ${this.#line.self} could not let it go on: ${failed}`)
      job.hasArrived()
      if (this.#copies.get(id)?.at === 'running') this.#arrived(id, source, Math.round(nowMs() - standing.frozenSinceMs))
    } catch (error) {
      if (job) {
        this.#copies.step(job.record.job, { type: 'restore-failed' })
        job.disown()
      }
      refuse(error)
    } finally {
      // Not before criu has ended: its hook may be long in coming to read on a busy node, and a job whose hook reads nothing ends.
      verdict?.close()
      if (job) movingJobs.set(job.cgroup, undefined)
      dropSetAside(folder)
      dropImages(folder)
      this.#coming = undefined
    }
  }

  /** The job stands here, stopped. The source, or home, says whether it is ours; when both are silent home is asked. */
  async #awaitVerdict(job: HeldJob, verdict: Verdict, move: MoveStream, next: number): Promise<void> {
    const { record } = job
    const { id, home } = record.job
    let copy = this.#copies.get(id)
    let wake = (): void => undefined
    const take = (message: ToCopy): void => {
      copy = this.#copies.step(record.job, { type: 'message', from: home, message })
      wake()
    }
    this.#stopped.set(id, take)
    await standStillAt('restored')
    move.answer({ is: 'restored' })
    void move.nextOrder().then((order) => {
      if (order?.do === 'take-over') take({ type: 'committed', next })
      if (order?.do === 'discard') take({ type: 'discard', next })
    }).catch(() => undefined)
    while (copy?.at === 'stopped') {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ASK_AFTER_MS)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      if (copy.at !== 'stopped') break
      for (const message of await this.#line.say(record.job, { type: 'ask', next }).catch(() => [])) take(message)
      if (copy.at === 'stopped' && this.#line.isDead(home)) copy = this.#copies.step(record.job, { type: 'home-failed' })
    }
    this.#stopped.delete(id)
    const ours = copy?.at === 'running'
    if (ours) await standStillAt('taking-over')
    // Its locks are free when the source has ended its copy.
    if (ours && existsSync(`${moveFolder(id, next)}/again`)) await move.closed(SOURCE_ENDS_MS)
    if (ours) job.setLeaving(false)
    if (ours) job.goesOn()
    verdict.say(ours ? 'go' : 'no')
    if (ours) this.#holder.link(job)
    else job.disown()
    move.close()
  }
}
