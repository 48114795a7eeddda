import type { DiscoveredNode } from '../state.ts'

/** Pauses after the first, second, … attempt at one address. Those that were heard of start at the first, those only remembered at the slow ones. */
const PAUSES_MS = [300, 1_000, 3_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000]
const FIRST_PAUSE_OF_REMEMBERED = 5
/** An address heard again since the last attempt is up, whatever the pause says; but not more often than this. */
const HEARD_AGAIN_PAUSE_MS = 5_000
/** An address that answered and yet is no live member's is another address of one: trying it is of little use. */
const ANSWERED_PAUSE_MS = 600_000
const MAX_REMEMBERED = 20
/** Discovery's own limit and the longest list of seeds, with room. */
const MAX_TRACKED = 2_048

interface Attempts {
  failures: number
  lastMs: number
  nextMs: number
  answered: boolean
}

export interface RejoinView {
  discovered: readonly DiscoveredNode[]
  /** Addresses of live members and of this node: nobody to join there. */
  present: ReadonlySet<string>
}

/**
 * Decides whom to join: every address discovery hears that is no live member's, the seeds of the configuration, and the last 20 addresses at
 * which members were alive. That is what heals a cluster that fell apart (Serf itself gives up on whom it never met). The clock is the caller's.
 */
export class Rejoin {
  readonly #seeds: readonly string[]
  #named: readonly string[] = []
  readonly #attempts = new Map<string, Attempts>()
  /** Oldest first. */
  #remembered: string[] = []

  constructor(seeds: readonly string[]) {
    this.#seeds = seeds
  }

  /** Addresses that somebody named by hand, besides the seeds; each is tried at once. */
  name(addresses: readonly string[]): void {
    this.#named = addresses
    for (const address of addresses) this.#attempts.delete(address)
  }

  /** Remembers where members are alive; `nowMs` is when that was seen. */
  noteAlive(addresses: readonly string[], nowMs: number): void {
    const fresh = new Set(addresses)
    this.#remembered = [...this.#remembered.filter((address) => !fresh.has(address)), ...addresses].slice(-MAX_REMEMBERED)
    for (const address of addresses) this.#attempts.delete(address)
    const nextMs = nowMs + pauseMs(FIRST_PAUSE_OF_REMEMBERED)
    for (const address of this.#remembered) {
      if (fresh.has(address)) this.#attempts.set(address, { failures: FIRST_PAUSE_OF_REMEMBERED, lastMs: nowMs, nextMs, answered: false })
    }
  }

  /** Addresses to join now, those heard of first; the caller tells of each with {@link attempted}. */
  due(view: RejoinView, nowMs: number): string[] {
    const heard = view.discovered.filter((node) => node.kind === 'same-cluster')
    const dueHeard = heard.filter((node) => this.#isDue(node.address, nowMs, node.lastHeardMs)).map((node) => node.address)
    const dueOthers = [...this.#seeds, ...this.#named, ...this.#remembered].filter((address) => this.#isDue(address, nowMs, -Infinity))
    return [...new Set([...dueHeard, ...dueOthers])].filter((address) => !view.present.has(address))
  }

  /** An attempt begins: until {@link answered} says otherwise it counts as failed. */
  attempted(address: string, nowMs: number): void {
    const failures = (this.#attempts.get(address)?.failures ?? -1) + 1
    if (!this.#attempts.has(address) && this.#attempts.size >= MAX_TRACKED) this.#forgetOldest()
    this.#attempts.set(address, { failures, lastMs: nowMs, nextMs: nowMs + pauseMs(failures), answered: false })
  }

  /** The last attempt at `address` succeeded at `nowMs`. */
  answered(address: string, nowMs: number): void {
    this.#attempts.set(address, { failures: 0, lastMs: nowMs, nextMs: nowMs + ANSWERED_PAUSE_MS, answered: true })
  }

  #isDue(address: string, nowMs: number, lastHeardMs: number): boolean {
    const attempts = this.#attempts.get(address)
    if (!attempts || nowMs >= attempts.nextMs) return true
    return !attempts.answered && lastHeardMs > attempts.lastMs && nowMs >= attempts.lastMs + HEARD_AGAIN_PAUSE_MS
  }

  #forgetOldest(): void {
    const oldest = [...this.#attempts].sort(([, one], [, other]) => one.lastMs - other.lastMs)[0]
    if (oldest) this.#attempts.delete(oldest[0])
  }
}

function pauseMs(failures: number): number {
  return PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)] ?? 0
}
