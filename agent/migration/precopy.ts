/** Pages the final dump may send without anybody noticing, whatever the wire: 8 MiB. */
const FEW_PAGES = 2_048
/** With no more memory than this, a round of pre-copy is little but the start of criu on both nodes: 1 MiB. */
const WHOLE_AT_ONCE_BYTES = 1024 * 1024
const ROUNDS_LIMIT = 8
/** A round that leaves more than this part of the round before is not worth another: the job writes as fast as the wire carries. */
const SHRINK_FACTOR = 0.8
const PAGE_BYTES = 4_096

export interface Round {
  /** Pages sent, which are those the job had written to since the round before; in the first round all it has. */
  pages: number
  bytes: number
  /** From the start of this round to its end. */
  durationMs: number
}

export interface PreCopyOptions {
  /** Freeze that is short enough. */
  freezeBudgetMs: number
  /** What freezing, dumping without pages and restoring take at least, from earlier moves or a guess. */
  fixedFreezeMs: number
}

export interface PreCopyDecision {
  go: 'another-round' | 'final-dump'
  why: 'first-round' | 'too-long' | 'short-enough' | 'few-pages' | 'no-progress' | 'rounds-limit'
  /** Pages the job will have written to when the next round starts. */
  dirtyPages: number
  /** How long the job would stand if it were dumped now. */
  estimatedFreezeMs: number
}

/** Whether a job with this much memory is worth a round of pre-copy at all. */
export function needsPreCopy(ownBytes: number): boolean {
  return ownBytes > WHOLE_AT_ONCE_BYTES
}

/**
 * The stop rule of pre-copy, after the rounds so far (at least one): go on while the freeze to expect is longer than the budget and rounds
 * still shrink. The rate at which the job writes is that of the last round; each page is sent again only once a round.
 */
export function decidePreCopy(rounds: readonly Round[], options: PreCopyOptions): PreCopyDecision {
  const last = rounds.at(-1)
  if (!last) throw new Error('the stop rule needs a round to judge')
  const before = rounds.at(-2)
  // Short rounds are mostly start-up; the best round tells what the wire carries.
  const bytesPerMs = Math.max(...rounds.map(({ bytes, durationMs }) => bytes / Math.max(1, durationMs)))
  // While the last round ran, the job wrote at the rate seen in the round before; after the first round, nothing is known yet.
  const dirtyPages = before ? Math.round(Math.min(last.pages * (last.durationMs / Math.max(1, before.durationMs)), totalPages(rounds))) : last.pages
  const estimatedFreezeMs = Math.round(options.fixedFreezeMs + (dirtyPages * PAGE_BYTES) / Math.max(1, bytesPerMs))
  const decision = (go: PreCopyDecision['go'], why: PreCopyDecision['why']): PreCopyDecision => ({ go, why, dirtyPages, estimatedFreezeMs })
  // Even if it has written to all of them again.
  if (last.pages <= FEW_PAGES) return decision('final-dump', 'few-pages')
  if (!before) return decision('another-round', 'first-round')
  if (dirtyPages <= FEW_PAGES) return decision('final-dump', 'few-pages')
  if (estimatedFreezeMs <= options.freezeBudgetMs) return decision('final-dump', 'short-enough')
  if (rounds.length >= ROUNDS_LIMIT) return decision('final-dump', 'rounds-limit')
  if (last.pages > before.pages * SHRINK_FACTOR) return decision('final-dump', 'no-progress')
  return decision('another-round', 'too-long')
}

function totalPages(rounds: readonly Round[]): number {
  return Math.max(...rounds.map(({ pages }) => pages))
}
