import type { LoadEntry, SeenLoad } from '../../schema/load.ts'
import type { NodeId } from '../../schema/node-state.ts'
import { paceOf } from './cost.ts'

/** Entries that one datagram carries besides the sender's own. */
export const SENT_ENTRIES = 32
/** Entries a node keeps to decide by. With more, all nodes would know the same idle one and run to it; see docs/decisions/0041. */
export const KEPT_ENTRIES = 32
/** An entry older than this is forgotten and never sent. */
export const AGE_LIMIT_MS = 20_000

/**
 * Figures of other nodes, freshest first, in columns: merging drops most of what it hears, and so need not look into it. `bornMs`: when each was
 * taken, by the clock of the node that has them. `paces`: {@link paceOf} them, by which many nodes see that no job would gain anything by moving. Never
 * changed once made, because messages share them.
 */
export interface News {
  readonly ids: readonly NodeId[]
  readonly bornMs: readonly number[]
  readonly entries: readonly LoadEntry[]
  readonly paces: readonly number[]
}

/** The sender's own figure, taken as it is sent, and its freshest of others. Only ages cross the wire, so that no clocks need to agree. */
export interface GossipMessage {
  own: LoadEntry
  /** By the clock that `news` goes by. */
  sentMs: number
  news: News
}

const NO_NEWS: News = { ids: [], bornMs: [], entries: [], paces: [] }

/**
 * The freshest load figures this node has, freshest first: what MOSIX calls the load vector. Every second a node sends its own
 * figure and its {@link SENT_ENTRIES} freshest to one random node, so that news spread like a rumour while each node's cost stays the same.
 */
export class GossipTable {
  readonly #self: NodeId
  #news = NO_NEWS

  constructor(self: NodeId) {
    this.#self = self
  }

  /** The message to send now. */
  message(own: LoadEntry, nowMs: number): GossipMessage {
    return { own, sentMs: nowMs, news: this.#news }
  }

  /** Takes a message in: of each node the fresher figure stays, of all the freshest {@link KEPT_ENTRIES}. */
  merge({ own, sentMs, news: theirs }: GossipMessage, nowMs: number): void {
    const ours = this.#news
    const shiftMs = nowMs - sentMs
    const ids: NodeId[] = []
    const bornMs: number[] = []
    const entries: LoadEntry[] = []
    const paces: number[] = []
    const round = nextRound()
    const take = (id: NodeId, born: number, entry: LoadEntry, pace: number): void => {
      if (metIn[id] === round) return
      metIn[id] = round
      ids.push(id)
      bornMs.push(born)
      entries.push(entry)
      paces.push(pace)
    }
    // Others know nothing of this node that it does not know better.
    metIn[this.#self] = round
    take(own.id, nowMs, own, paceOf(own))
    let our = 0
    let their = 0
    while (ids.length < KEPT_ENTRIES && (our < ours.ids.length || their < theirs.ids.length)) {
      const ourBorn = our < ours.ids.length ? ours.bornMs[our] as number : -Infinity
      const theirBorn = their < theirs.ids.length ? theirs.bornMs[their] as number + shiftMs : -Infinity
      const oursIsFresher = ourBorn >= theirBorn
      const born = oursIsFresher ? ourBorn : theirBorn
      if (nowMs - born > AGE_LIMIT_MS) break
      const from = oursIsFresher ? ours : theirs
      const row = oursIsFresher ? our++ : their++
      take(from.ids[row] as NodeId, born, from.entries[row] as LoadEntry, from.paces[row] as number)
    }
    this.#news = { ids, bornMs, entries, paces }
  }

  /** What is known at this moment, freshest first, in columns: a decision takes it once a second. */
  fresh(nowMs: number): { nodes: LoadEntry[]; agesMs: number[] } {
    const count = freshCount(this.#news, nowMs, AGE_LIMIT_MS)
    return {
      nodes: this.#news.entries.slice(0, count),
      agesMs: this.#news.bornMs.slice(0, count).map((bornMs) => Math.max(0, nowMs - bornMs)),
    }
  }

  /** The best pace among figures no older than `limitMs`; 0 when there is none. */
  bestPace(nowMs: number, limitMs: number): number {
    const { bornMs, paces } = this.#news
    let best = 0
    for (let row = 0; row < paces.length && nowMs - (bornMs[row] as number) <= limitMs; row++) best = Math.max(best, paces[row] as number)
    return best
  }

  /** The same, each figure with its age. */
  seen(nowMs: number): SeenLoad[] {
    const { nodes, agesMs } = this.fresh(nowMs)
    return nodes.map((entry, row) => ({ ...entry, ageMs: agesMs[row] as number }))
  }

  /** Changes what is known of a node until news of it come: a job that is on its way there is already load. */
  adjust(id: NodeId, change: (entry: LoadEntry) => LoadEntry): void {
    const { ids, bornMs, entries, paces } = this.#news
    const row = ids.indexOf(id)
    if (row < 0) return
    const changed = change(entries[row] as LoadEntry)
    this.#news = { ids, bornMs, entries: entries.with(row, changed), paces: paces.with(row, paceOf(changed)) }
  }

  /** Forgets nodes that are no members any more. */
  keepOnly(isMember: (id: NodeId) => boolean): void {
    const { ids, bornMs, entries, paces } = this.#news
    if (ids.every(isMember)) return
    const isKept = (_: unknown, row: number): boolean => isMember(ids[row] as NodeId)
    this.#news = { ids: ids.filter(isKept), bornMs: bornMs.filter(isKept), entries: entries.filter(isKept), paces: paces.filter(isKept) }
  }
}

/** How many of the news are no older than `limitMs`. */
export function freshCount({ bornMs }: News, nowMs: number, limitMs: number): number {
  let fresh = bornMs.length
  while (fresh > 0 && nowMs - (bornMs[fresh - 1] as number) > limitMs) fresh--
  return fresh
}

/** Puts figures that came in any order into one. */
export function newsOf(figures: readonly { entry: LoadEntry; bornMs: number }[]): News {
  const inOrder = figures.toSorted((a, b) => b.bornMs - a.bornMs)
  const entries = inOrder.map(({ entry }) => entry)
  return { ids: entries.map(({ id }) => id), bornMs: inOrder.map(({ bornMs }) => bornMs), entries, paces: entries.map(paceOf) }
}

/**
 * The merge in which each id was met last: a set that is emptied by counting on. Ids have 16 bits, so 256 KiB serve every table; it is
 * what lets a simulation of 10,000 nodes merge as often as they do.
 */
const metIn = new Int32Array(0x1_0000)
let round = 0

function nextRound(): number {
  round = round === 0x7fff_ffff ? 1 : round + 1
  if (round === 1) metIn.fill(0)
  return round
}
