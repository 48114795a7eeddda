import type { MeshPeer, PeerReach } from './peers.ts'

/** What `wg show INTERFACE dump` tells of one peer. */
export interface PeerCounters {
  /** Unix seconds, 0 for none yet. */
  lastHandshake: number
  receivedBytes: number
  sentBytes: number
}

/** How long a peer may take to answer at one endpoint. WireGuard repeats an unanswered handshake every 5 s. */
const PATIENCE_MS = 6_000
/**
 * How long one that has answered may be sent to without a word from it. One packet is no sign: WireGuard's own keepalive goes out 10 s after the last
 * that came in. A peer that is gone is sent a handshake every 5 s.
 */
const PATIENCE_WITH_KNOWN_MS = 25_000

interface Attempt {
  /** The endpoints this attempt goes through, as one text. */
  list: string
  turn: number
  sinceMs: number
  answered: boolean
  counters: PeerCounters | undefined
}

/** Takes the counters of all peers, by public key, from what `wg show INTERFACE dump` prints (wg(8)); its first line is the interface's own. */
export function parseDump(text: string): Map<string, PeerCounters> {
  return new Map(text.split('\n').slice(1).flatMap((line): [string, PeerCounters][] => {
    const fields = line.split('\t')
    const [key = '', , , , lastHandshake, receivedBytes, sentBytes] = fields
    return fields.length < 8 ? [] : [[key, { lastHandshake: Number(lastHandshake), receivedBytes: Number(receivedBytes), sentBytes: Number(sentBytes) }]]
  }))
}

/**
 * Finds out at which of its endpoints each peer answers: one after the other, until something comes back. A peer that answered and then fell silent
 * while more was sent to it is looked for anew.
 */
export class Reach {
  readonly #attempts = new Map<string, Attempt>()

  /** Takes the peers that are wanted now; gives those that were not there before, or are elsewhere. */
  want(peers: readonly MeshPeer[], nowMs: number): MeshPeer[] {
    const keys = new Set(peers.map((peer) => peer.publicKey))
    for (const gone of this.#attempts.keys()) if (!keys.has(gone)) this.#attempts.delete(gone)
    const fresh = peers.filter((peer) => this.#attempts.get(peer.publicKey)?.list !== peer.endpoints.join(' '))
    for (const peer of fresh) {
      this.#attempts.set(peer.publicKey, { list: peer.endpoints.join(' '), turn: 0, sinceMs: nowMs, answered: false, counters: undefined })
    }
    return fresh
  }

  /** Takes what WireGuard counted; gives the peers whose endpoint is to be changed. */
  note(peers: readonly MeshPeer[], counters: ReadonlyMap<string, PeerCounters>, nowMs: number): MeshPeer[] {
    return peers.filter((peer) => {
      const attempt = this.#attempts.get(peer.publicKey)
      const now = counters.get(peer.publicKey)
      if (!attempt || !now) return false
      const before = attempt.counters ?? { lastHandshake: 0, receivedBytes: 0, sentBytes: 0 }
      const heard = now.lastHandshake > before.lastHandshake || now.receivedBytes > before.receivedBytes
      const isQuiet = attempt.answered && now.sentBytes === before.sentBytes
      attempt.counters = now
      attempt.answered ||= heard
      if (heard || isQuiet) attempt.sinceMs = nowMs
      if (nowMs - attempt.sinceMs < (attempt.answered ? PATIENCE_WITH_KNOWN_MS : PATIENCE_MS)) return false
      Object.assign(attempt, { answered: false, turn: attempt.turn + 1, sinceMs: nowMs })
      return true
    })
  }

  of(peers: readonly MeshPeer[]): Map<string, PeerReach> {
    return new Map(peers.flatMap((peer): [string, PeerReach][] => {
      const attempt = this.#attempts.get(peer.publicKey)
      const endpoint = attempt && peer.endpoints[attempt.turn % peer.endpoints.length]
      return attempt && endpoint !== undefined ? [[peer.publicKey, { endpoint, answered: attempt.answered }]] : []
    }))
  }
}
