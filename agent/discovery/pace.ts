/** How often discovery speaks and listens: pure functions of counters, clock and randomness. */

/** Above this many live members gossip alone keeps the cluster together, and polling would cost N²/60 packets a second. */
const MAX_MEMBERS_TO_POLL = 3
/** From the first moments of an interface, when everything is at stake, to the pace of a quiet network. */
const QUERY_INTERVALS_MS = [0, 300, 700, 2_000, 4_000, 8_000, 15_000, 30_000, 60_000]
/** A node that is alone keeps asking at this pace: it has more to gain, and a healed cable should not take a minute to be noticed. */
const ALONE_INTERVAL_MS = 30_000
const JITTER = 0.2
/** RFC 6762, section 6: answers that many may give wait 20 to 120 ms … */
const ANSWER_DELAY_MS = { least: 20, most: 120 }
/** … and nobody repeats one within a second. */
const ANSWER_GAP_MS = 1_000
/** Members heard answering the same question are enough for the newcomer: through one of them it meets all. */
const ENOUGH_ANSWERS = 3
/** Announcements unasked for go out with the first queries (RFC 6762, section 8.3: at least two). */
const ANNOUNCEMENTS = 4

/** Pause before query number `attempt` (from 0), in milliseconds, with up to a fifth of jitter either way; `random` is in [0, 1). */
export function queryDelayMs(attempt: number, liveMembers: number, random: number): number {
  const slowest = QUERY_INTERVALS_MS.length - 1
  const interval = QUERY_INTERVALS_MS[Math.min(attempt, slowest)] ?? 0
  const bounded = liveMembers <= 1 ? Math.min(interval, ALONE_INTERVAL_MS) : interval
  return Math.round(bounded * (1 + JITTER * (2 * random - 1)))
}

/** Whether query number `attempt` is to be sent at all: the first ones always, since nothing is known of members yet. */
export function shouldQuery(liveMembers: number): boolean {
  return liveMembers <= MAX_MEMBERS_TO_POLL
}

/** Whether our records go out unasked beside query number `attempt`. */
export function shouldAnnounce(attempt: number): boolean {
  return attempt < ANNOUNCEMENTS
}

/** How long to wait before answering; `random` is in [0, 1). */
export function answerDelayMs(random: number): number {
  return Math.round(ANSWER_DELAY_MS.least + random * (ANSWER_DELAY_MS.most - ANSWER_DELAY_MS.least))
}

/** Whether, the delay being over, our answer is still worth sending. `membersHeard` are live members of ours that answered meanwhile. */
export function shouldAnswer(membersHeard: number, msSinceLastAnswer: number): boolean {
  return membersHeard < ENOUGH_ANSWERS && msSinceLastAnswer >= ANSWER_GAP_MS
}

/** Token bucket: at most `perSecond` packets a second are looked at, after a burst of `burst`. */
export class RateLimit {
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #filledMs: number | undefined

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#tokens = burst
  }

  allows(nowMs: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - (this.#filledMs ?? nowMs)) * this.#perSecond / 1000)
    this.#filledMs = nowMs
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}
