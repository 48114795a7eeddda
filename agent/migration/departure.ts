import type { Job } from '../../schema/job.ts'
import type { NodeId } from '../../schema/node-state.ts'
import { NodeError } from '../api/node-error.ts'
import type { HeldJob } from '../jobs/held-job.ts'
import type { Copy, ToCopy } from './commit-machine.ts'
import type { Copies } from './copies.ts'
import type { HomeLine } from './home-line.ts'

/** What the node that a job leaves says to the job's home, step by step, and writes down (docs/decisions/0036-commit-protocol.md). */
export class Departure {
  readonly #copies: Copies
  readonly #line: HomeLine

  constructor(copies: Copies, line: HomeLine) {
    this.#copies = copies
    this.#line = line
  }

  /** Home's leave and the number of the move. Throws NodeError: home's refusal, or why it cannot be asked. */
  async grant({ record: { job } }: HeldJob, to: NodeId): Promise<number> {
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
  async commit({ record: { job } }: HeldJob, to: NodeId, next: number): Promise<'committed' | 'aborted' | 'gone'> {
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
  async withdraw({ record: { job } }: HeldJob): Promise<void> {
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
export function asNodeError(error: unknown): NodeError {
  if (error instanceof NodeError) return error
  return new NodeError('MOVE_FAILED', `the move failed: ${error instanceof Error ? error.message : String(error)}`, 'the job goes on where it was; plump log on both nodes has more')
}
