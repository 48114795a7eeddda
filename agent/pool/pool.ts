import * as z from 'zod'
import { poolOrderSchema, type PoolOrder, type PoolReport, type PoolState } from '../../schema/pool.ts'
import type { ApiAnswers } from '../api/answers.ts'
import type { AgentContext, Capability } from '../capability.ts'
import { readTextIfThere, writeAtomically } from '../os/files.ts'
import { keyIdleMs } from './key-idle.ts'
import { rightsOf, roleOf, wantsToBeIn } from './pool-rules.ts'

const LOOK_MS = 5_000
/** After a try some guests may be left: they are sent home again after this long. */
const TRY_AGAIN_MS = 10_000
/** In /run: it holds until the node is switched off. */
const MEMORY = '/run/plump/pool.json'
const memorySchema = z.strictObject({ order: poolOrderSchema.exclude(['auto']).optional() })

export interface PoolEdges {
  /** `expel`: guests go home; `bring`: this home's jobs come back. Gives what came of it. */
  sendHome(word: 'expel' | 'bring'): Promise<{ moved: readonly string[]; staying: readonly { job: string; why: string }[] }>
  /** Whether any job of another home is here at this moment; state `jobs` is a little behind. */
  hasGuests(): boolean
  /** CPUs that other programs than jobs use. */
  otherLoad(): number
}

export interface Pool extends Capability {
  answers: Pick<ApiAnswers, 'pool'>
}

/** Keeps the node in the pool or out of it, by its role, schedule and use, or as it is told; leaving brings guests home first. Writes state `pool`. */
export function startPool(context: AgentContext, edges: PoolEdges): Pool {
  const keeper = new PoolKeeper(context, edges)
  const timer = setInterval(() => keeper.look(), LOOK_MS)
  keeper.look()
  return {
    answers: {
      pool: async ({ order, limitSeconds, forShutdown }, send) => send(await keeper.obey(order, limitSeconds * 1_000, forShutdown)),
    },
    stop: () => clearInterval(timer),
  }
}

class PoolKeeper {
  readonly #context: AgentContext
  readonly #edges: PoolEdges
  #order: Exclude<PoolOrder, 'auto'> | undefined
  #last: Pick<PoolReport, 'moved' | 'staying'> = { moved: [], staying: [] }
  #leaving: Promise<void> | undefined
  #triedMs = -Infinity

  constructor(context: AgentContext, edges: PoolEdges) {
    this.#context = context
    this.#edges = edges
    this.#order = remembered()
  }

  /** Compares what is with what should be. */
  look(forShutdown = false): void {
    const { state, config, nowMs } = this.#context
    const before = state.get('pool')
    const role = roleOf(config.pool, state.get('nics').flatMap(({ mac }) => mac ?? []))
    const { isIn, why } = wantsToBeIn({
      config: config.pool, role, order: this.#order, isIn: before.state === 'in', date: new Date(), keyIdleMs: keyIdleMs(Date.now()), otherLoad: this.#edges.otherLoad(),
    })
    if (isIn) return this.#set({ role, state: 'in', why, ...rightsOf(role) })
    const guests = this.#edges.hasGuests()
    const begins = before.state === 'in'
    this.#set({ role, state: guests || this.#leaving !== undefined ? 'leaving' : 'out', why, gives: false, takes: false })
    if (this.#leaving === undefined && (begins || (guests && nowMs() - this.#triedMs > TRY_AGAIN_MS))) this.#leave(begins && !forShutdown)
  }

  /** Does as told, then tells how it is; after a `leave`, when the guests are home or the time is up. */
  async obey(order: PoolOrder | undefined, limitMs: number, forShutdown: boolean): Promise<PoolReport> {
    if (order !== undefined) {
      this.#order = order === 'auto' ? undefined : order
      writeAtomically(MEMORY, JSON.stringify({ order: this.#order }))
      this.#last = { moved: [], staying: [] }
      this.look(forShutdown)
    }
    if (order === 'leave' && this.#leaving !== undefined) await Promise.race([this.#leaving, new Promise((resolve) => setTimeout(resolve, limitMs))])
    return { ...this.#context.state.get('pool'), ...this.#last }
  }

  /** Guests home first, then this home's own jobs back. */
  #leave(withOwn: boolean): void {
    const send = async (): Promise<void> => {
      const guests = await this.#edges.sendHome('expel')
      const own = withOwn ? await this.#edges.sendHome('bring') : { moved: [], staying: [] }
      this.#last = { moved: [...guests.moved, ...own.moved], staying: [...guests.staying, ...own.staying].map(({ job, why }) => ({ job, why })) }
    }
    this.#leaving = send().catch((error: unknown) => this.#context.log.named('pool').warn(`leaving: ${String(error)}`)).then(() => {
      this.#leaving = undefined
      this.#triedMs = this.#context.nowMs()
      this.look()
    })
  }

  #set(now: PoolState): void {
    const { state, log } = this.#context
    const before = state.get('pool')
    if (before.state !== now.state) log.named('pool').info(`${now.state === 'leaving' ? 'leaving the pool' : `${now.state} of the pool`.replace('in of', 'in')}: ${now.why}`)
    state.set('pool', now)
  }
}

function remembered(): Exclude<PoolOrder, 'auto'> | undefined {
  try {
    return memorySchema.parse(JSON.parse(readTextIfThere(MEMORY) ?? '{}')).order
  } catch {
    return undefined
  }
}

