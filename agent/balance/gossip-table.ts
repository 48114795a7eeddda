import { withAge } from '../../schema/load.ts'
import type { LoadEntry, SeenLoad } from '../../schema/load.ts'
import type { NodeId } from '../../schema/node-state.ts'

/** Entries that one datagram carries besides the sender's own. */
export const SENT_ENTRIES = 32
/** Entries a node keeps to decide by. With more, all nodes would know the same idle one and run to it; see docs/decisions/0041. */
export const KEPT_ENTRIES = 32
/** An entry older than this is forgotten and never sent. */
export const AGE_LIMIT_MS = 20_000

/** What travels: entries with their ages at the moment of sending. Ages and not times, so that no clocks need to agree. */
export interface GossipMessage {
  /** Of which node each entry is: merging drops most of what it hears, and so need not look into it. */
  ids: readonly NodeId[]
  agesMs: readonly number[]
  entries: readonly LoadEntry[]
}

/** Entries, freshest first, in columns. `bornMs`: when the figure was taken, by this node's clock. */
interface Rows {
  count: number
  ids: NodeId[]
  bornMs: number[]
  entries: LoadEntry[]
}

/**
 * The freshest load figures this node has, freshest first: what MOSIX calls the load vector. Every second a node sends its own
 * figure and its {@link SENT_ENTRIES} freshest to one random node, so that news spread like a rumour while each node's cost stays the same.
 */
export class GossipTable {
  readonly #self: NodeId
  #rows: Rows = { count: 0, ids: [], bornMs: [], entries: [] }
  /** Where the next merge writes to; the two change places. */
  #spare: Rows = { count: 0, ids: [], bornMs: [], entries: [] }

  constructor(self: NodeId) {
    this.#self = self
  }

  /** The message to send: `own` with age 0, then the freshest others. */
  message(own: LoadEntry, nowMs: number): GossipMessage {
    const rows = this.#rows
    const others = Math.min(SENT_ENTRIES, freshCount(rows, nowMs, AGE_LIMIT_MS))
    const ids = new Array<NodeId>(others + 1)
    const agesMs = new Array<number>(others + 1)
    const entries = new Array<LoadEntry>(others + 1)
    ids[0] = own.id
    agesMs[0] = 0
    entries[0] = own
    for (let row = 0; row < others; row++) {
      ids[row + 1] = rows.ids[row] as NodeId
      agesMs[row + 1] = ageOf(rows, row, nowMs)
      entries[row + 1] = rows.entries[row] as LoadEntry
    }
    return { ids, agesMs, entries }
  }

  /** Takes a message in: of each node the fresher figure stays, of all the freshest {@link KEPT_ENTRIES}. Its ages need no order. */
  merge(message: GossipMessage, nowMs: number): void {
    const heard = isInOrder(message.agesMs) ? message : inOrder(message)
    const old = this.#rows
    const rows = this.#spare
    const round = nextRound()
    rows.count = 0
    let ours = 0
    let theirs = 0
    while (rows.count < KEPT_ENTRIES && (ours < old.count || theirs < heard.ids.length)) {
      const ourBorn = ours < old.count ? old.bornMs[ours] as number : -Infinity
      const theirBorn = theirs < heard.ids.length ? nowMs - (heard.agesMs[theirs] as number) : -Infinity
      const oursIsFresher = ourBorn >= theirBorn
      const born = oursIsFresher ? ourBorn : theirBorn
      if (nowMs - born > AGE_LIMIT_MS) break
      const from: Pick<Rows, 'ids' | 'entries'> | GossipMessage = oursIsFresher ? old : heard
      const row = oursIsFresher ? ours++ : theirs++
      const id = from.ids[row] as NodeId
      if (id === this.#self || metIn[id] === round) continue
      metIn[id] = round
      rows.ids[rows.count] = id
      rows.bornMs[rows.count] = born
      rows.entries[rows.count] = from.entries[row] as LoadEntry
      rows.count++
    }
    this.#rows = rows
    this.#spare = old
  }

  /** What is known at this moment, freshest first, no older than `limitMs`. */
  seen(nowMs: number, limitMs = AGE_LIMIT_MS): SeenLoad[] {
    const rows = this.#rows
    const seen = new Array<SeenLoad>(freshCount(rows, nowMs, limitMs))
    for (let row = 0; row < seen.length; row++) seen[row] = withAge(rows.entries[row] as LoadEntry, ageOf(rows, row, nowMs))
    return seen
  }

  /** Changes what is known of a node until news of it come: a job that is on its way there is already load. */
  adjust(id: NodeId, change: (entry: LoadEntry) => LoadEntry): void {
    const { count, ids, entries } = this.#rows
    for (let row = 0; row < count; row++) if (ids[row] === id) entries[row] = change(entries[row] as LoadEntry)
  }

  /** Forgets nodes that are no members any more. */
  keepOnly(isMember: (id: NodeId) => boolean): void {
    const { count, ids, bornMs, entries } = this.#rows
    let kept = 0
    for (let row = 0; row < count; row++) {
      if (!isMember(ids[row] as NodeId)) continue
      ids[kept] = ids[row] as NodeId
      bornMs[kept] = bornMs[row] as number
      entries[kept] = entries[row] as LoadEntry
      kept++
    }
    this.#rows.count = kept
  }
}

/** How many rows are no older than `limitMs`; the freshest come first. */
function freshCount({ count, bornMs }: Rows, nowMs: number, limitMs: number): number {
  let fresh = count
  while (fresh > 0 && nowMs - (bornMs[fresh - 1] as number) > limitMs) fresh--
  return fresh
}

function ageOf({ bornMs }: Rows, row: number, nowMs: number): number {
  return Math.max(0, nowMs - (bornMs[row] as number))
}

/** Whether the freshest come first, as our own senders put them. */
function isInOrder(agesMs: readonly number[]): boolean {
  for (let index = 1; index < agesMs.length; index++) if ((agesMs[index] as number) < (agesMs[index - 1] as number)) return false
  return true
}

function inOrder({ ids, agesMs, entries }: GossipMessage): GossipMessage {
  const order = agesMs.map((_, index) => index).sort((a, b) => (agesMs[a] as number) - (agesMs[b] as number))
  return {
    ids: order.map((index) => ids[index] as NodeId), agesMs: order.map((index) => agesMs[index] as number), entries: order.map((index) => entries[index] as LoadEntry),
  }
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
