import type { DiscoveredNode } from '../state.ts'
import type { Announcement } from './records.ts'

export const MAX_KNOWN_NODES = 1024
/** How exactly `lastHeardMs` is kept: a neighbour heard again within this time is no news to those who watch. */
const HEARD_GRAIN_MS = 5_000

interface Entry {
  address: string
  fingerprint: string
  lastHeardMs: number
  expiresMs: number
}

/** Of the keys that are ours: two while the cluster key changes. */
export interface OwnFingerprints {
  newest: string
  old?: string
}

/** The neighbours heard, by address; bounded, and each forgotten when its announcement runs out. The clock is the caller's. */
export class KnownNodes {
  readonly #own: () => OwnFingerprints
  readonly #entries = new Map<string, Entry>()

  /** `own` gives the fingerprints of our keys now; whoever shows one of them holds the same cluster key. */
  constructor(own: () => OwnFingerprints) {
    this.#own = own
  }

  /** Takes in one announcement; true when {@link list} is now worth reading again. */
  hear(announcement: Announcement, nowMs: number): boolean {
    let news = false
    const { fingerprint } = announcement
    for (const address of announcement.addresses) {
      const before = this.#entries.get(address)
      if (announcement.ttlSeconds === 0) {
        if (before && this.#kindOf(before.fingerprint) === this.#kindOf(fingerprint)) news = this.#entries.delete(address) || news
        continue
      }
      if (!before && !this.#makeRoom(this.#kindOf(fingerprint), nowMs)) continue
      const expiresMs = nowMs + announcement.ttlSeconds * 1000
      const isNews = !before || before.fingerprint !== fingerprint || nowMs - before.lastHeardMs >= HEARD_GRAIN_MS
      this.#entries.set(address, { address, fingerprint, expiresMs, lastHeardMs: isNews ? nowMs : before.lastHeardMs })
      news ||= isNews
    }
    return news
  }

  /** What is still believed at `nowMs`, freshest first. */
  list(nowMs: number): DiscoveredNode[] {
    this.#expire(nowMs)
    const { old } = this.#own()
    return [...this.#entries.values()]
      .sort((one, other) => other.lastHeardMs - one.lastHeardMs || (one.address < other.address ? -1 : 1))
      .map(({ address, fingerprint, lastHeardMs }) => ({ address, kind: this.#kindOf(fingerprint), ...(fingerprint === old ? { withOldKey: true as const } : {}), lastHeardMs }))
  }

  #kindOf(fingerprint: string): DiscoveredNode['kind'] {
    const { newest, old } = this.#own()
    return fingerprint === newest || fingerprint === old ? 'same-cluster' : 'stranger'
  }

  /** When the table is full, strangers give way to our own kind and nobody gives way to strangers. */
  #makeRoom(kind: DiscoveredNode['kind'], nowMs: number): boolean {
    if (this.#entries.size < MAX_KNOWN_NODES) return true
    this.#expire(nowMs)
    if (this.#entries.size < MAX_KNOWN_NODES) return true
    if (kind === 'stranger') return false
    const oldestStranger = [...this.#entries.values()].filter((entry) => this.#kindOf(entry.fingerprint) === 'stranger')
      .sort((one, other) => one.lastHeardMs - other.lastHeardMs)[0]
    return oldestStranger !== undefined && this.#entries.delete(oldestStranger.address)
  }

  #expire(nowMs: number): void {
    for (const entry of this.#entries.values()) if (entry.expiresMs <= nowMs) this.#entries.delete(entry.address)
  }
}
