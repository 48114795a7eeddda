import type { Log } from '../log.ts'
import { Rejoin, type RejoinView } from './rejoin.ts'
import { SERF_RPC } from './serf-config.ts'
import { connectSerf, SerfRefused } from './serf-rpc.ts'

/** A join to an address where nobody is takes 10 s; others need not wait for it. */
const MAX_JOINS_AT_ONCE = 4

/** Carries out what {@link Rejoin} decides, each join on a connection of its own. */
export class Joiner {
  readonly #rejoin: Rejoin
  readonly #log: Log
  readonly #nowMs: () => number
  readonly #underWay = new Set<string>()

  constructor(rejoin: Rejoin, log: Log, nowMs: () => number) {
    this.#rejoin = rejoin
    this.#log = log
    this.#nowMs = nowMs
  }

  /** Starts the joins that are due; `onJoined` is called after each that succeeded. */
  joinDue(view: RejoinView, rpcKey: string, onJoined: () => void): void {
    for (const address of this.#rejoin.due(view, this.#nowMs())) {
      if (this.#underWay.size >= MAX_JOINS_AT_ONCE) return
      if (this.#underWay.has(address)) continue
      this.#underWay.add(address)
      this.#rejoin.attempted(address, this.#nowMs())
      this.#join(address, rpcKey).then((joined) => {
        this.#underWay.delete(address)
        if (!joined) return
        this.#rejoin.answered(address, this.#nowMs())
        onJoined()
      }, (error: unknown) => {
        this.#underWay.delete(address)
        this.#log.warn(`join ${address}: ${String(error)}`)
      })
    }
  }

  async #join(address: string, rpcKey: string): Promise<boolean> {
    const rpc = await connectSerf(SERF_RPC, rpcKey)
    try {
      await rpc.join(address)
      this.#log.info(`joined ${address}`)
      return true
    } catch (error) {
      if (!(error instanceof SerfRefused)) throw error
      this.#log.info(error.message)
      return false
    } finally {
      rpc.close()
    }
  }
}
