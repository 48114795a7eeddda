import { setTimeout as pause } from 'node:timers/promises'
import type { JobId } from '../../schema/job.ts'
import { homeAnswerSchema } from '../../schema/migration.ts'
import type { NodeId } from '../../schema/node-state.ts'
import type { AgentContext } from '../capability.ts'
import type { Peers } from '../peers/peers.ts'
import type { ToCopy, ToHome } from './commit-machine.ts'
import type { HomeLogs } from './home-logs.ts'

const ASK_AGAIN_MS = 500

/** How a node with a copy of a job speaks with the job's home, which may be this very node. */
export class HomeLine {
  readonly #context: AgentContext
  readonly #peers: Peers
  readonly #logs: HomeLogs
  #ended = false

  constructor(context: AgentContext, peers: Peers, logs: HomeLogs) {
    this.#context = context
    this.#peers = peers
    this.#logs = logs
  }

  /** 0 before the node has an id. */
  get self(): NodeId {
    return this.#context.state.get('identity')?.id ?? 0
  }

  isDead(node: NodeId): boolean {
    return node !== this.self && this.#context.state.get('members').find((member) => member.id === node)?.state !== 'alive'
  }

  /** Says it once. Throws NodeError: home's refusal, or PEER_UNREACHABLE. */
  async say(job: { id: JobId; home: NodeId }, message: ToHome): Promise<ToCopy[]> {
    if (job.home === this.self) return this.#logs.take(job.id, job.home, message).messages
    return homeAnswerSchema.parse(await this.#peers.call(job.home, 'migrate-home', { job: job.id, message })).messages
  }

  /** Says it until home answers; undefined when home is dead, or the agent ends. */
  async insist(job: { id: JobId; home: NodeId }, message: ToHome): Promise<ToCopy[] | undefined> {
    for (;;) {
      const messages = await this.say(job, message).catch(() => [])
      if (messages.length > 0) return messages
      if (this.#ended || this.isDead(job.home)) return undefined
      await pause(ASK_AGAIN_MS)
    }
  }

  /** The agent ends: what is left is for the next one, which finds it written down. */
  end(): void {
    this.#ended = true
  }
}
