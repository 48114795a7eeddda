import type { NodeId } from '../../schema/node-state.ts'

/** A node that refused, or a move to which failed, is left alone this long. */
const REFUSED_MS = 5_000
const FAILED_MS = 60_000
/** After a refusal this node waits up to this long before it asks another; twice as long after each further one. */
const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 8_000
const REMEMBERED_LIMIT = 64

/**
 * Manners after a refusal: of many nodes that saw the same idle one, all but one are refused, and if they all asked again at once, they
 * would all be refused again. So each waits for a random time, longer after each refusal in a row.
 */
export class Backoff {
  readonly #random: () => number
  #untilMs = -Infinity
  #inARow = 0
  #avoid = new Map<NodeId, number>()

  constructor(random: () => number) {
    this.#random = random
  }

  refused(node: NodeId, nowMs: number): void {
    this.#leaveAlone(node, nowMs + REFUSED_MS)
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#inARow)
    this.#inARow++
    this.#untilMs = nowMs + this.#random() * longest
  }

  failed(node: NodeId, nowMs: number): void {
    this.refused(node, nowMs)
    this.#leaveAlone(node, nowMs + FAILED_MS)
  }

  succeeded(): void {
    this.#inARow = 0
  }

  /** How long this node still waits; 0 = not at all. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#untilMs - nowMs)
  }

  /** Nodes to leave alone at this moment. */
  avoided(nowMs: number): NodeId[] {
    if (this.#avoid.size === 0) return []
    for (const [node, untilMs] of this.#avoid) if (untilMs <= nowMs) this.#avoid.delete(node)
    return [...this.#avoid.keys()]
  }

  #leaveAlone(node: NodeId, untilMs: number): void {
    this.#avoid.delete(node)
    this.#avoid.set(node, untilMs)
    const [oldest] = this.#avoid.keys()
    if (this.#avoid.size > REMEMBERED_LIMIT && oldest !== undefined) this.#avoid.delete(oldest)
  }
}
