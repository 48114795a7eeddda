import type { LoadEntry, SeenLoad } from '../../schema/load.ts'
import type { NodeId } from '../../schema/node-state.ts'
import type { GossipMessage } from './gossip-table.ts'

/** For people, who want to see every node; decisions are made by the gossip table's freshest alone. */
const NODES_LIMIT = 1_024

/** The last figures heard of every node, however old. */
export class LastKnown {
  #nodes = new Map<NodeId, { entry: LoadEntry; bornMs: number }>()

  heard({ own, sentMs, news }: GossipMessage, nowMs: number): void {
    this.#note(own, nowMs)
    for (const [row, entry] of news.entries.entries()) this.#note(entry, (news.bornMs[row] ?? sentMs) + nowMs - sentMs)
  }

  #note(entry: LoadEntry, bornMs: number): void {
    const known = this.#nodes.get(entry.id)
    if (known === undefined ? this.#nodes.size < NODES_LIMIT : known.bornMs < bornMs) this.#nodes.set(entry.id, { entry, bornMs })
  }

  keepOnly(isMember: (id: NodeId) => boolean): void {
    for (const id of this.#nodes.keys()) if (!isMember(id)) this.#nodes.delete(id)
  }

  /** By id. */
  seen(nowMs: number): SeenLoad[] {
    return [...this.#nodes.values()].map(({ entry, bornMs }) => ({ ...entry, ageMs: Math.max(0, nowMs - bornMs) })).sort((a, b) => a.id - b.id)
  }
}
