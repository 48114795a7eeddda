import { ROUNDS_LIMIT } from '../../schema/migration.ts'

/** With no more than this, a round of pre-copy is little but the start of criu on both nodes: 1 MiB. */
const WHOLE_AT_ONCE_BYTES = 1024 * 1024
/** Pages that the wire carries within this time may go while the job stands: it takes longer to restore it. */
const UNNOTICED_MS = 200
/** Without the last one, in which the job stands still. */
const PRE_COPY_ROUNDS = ROUNDS_LIMIT - 1
/** When more than this part of what a round sent is to be sent again, the job writes nearly as fast as the wire carries. */
const SHRINK_FACTOR = 0.8
/**
 * A job that does is held back to this part of the CPU that it used, as far as QEMU goes with a machine that moves (99 %, max-cpu-throttle). More would be more rounds,
 * in which it loses more time than it gains; less would be time at the end, when it stands still.
 */
const HELD_BACK_SHARE = 1 / 100
const PAGE_BYTES = 4_096

export interface Round {
  /** Pages sent: in the first round all it has, then those it had written to since the round before. */
  pages: number
  bytes: number
  /** From the start of this round to its end. */
  durationMs: number
}

export interface PreCopyState {
  /** At least one. */
  rounds: readonly Round[]
  /** Pages it has written to since the last round began. */
  dirtyPages: number
  /** Of the CPU that it uses by itself, what it was given in the last round: 1 when it is not held back. */
  cpuShare: number
  /** What freezing, dumping without pages and restoring take at least, from earlier moves or a guess. */
  fixedFreezeMs: number
}

export interface PreCopyDecision {
  go: 'another-round' | 'final-dump'
  why: 'short-enough' | 'few-pages' | 'rounds-limit' | 'shrinks' | 'hold-back' | 'no-progress'
  /** For the next round, as in {@link PreCopyState}. */
  cpuShare: number
  /** How long the job would stand if it were dumped now. */
  estimatedFreezeMs: number
}

/** Whether a job with this much memory is worth a round of pre-copy at all. */
export function needsPreCopy(ownBytes: number): boolean {
  return ownBytes > WHOLE_AT_ONCE_BYTES
}

/**
 * The stop rule of pre-copy: go on while the pages that the job has written to would hold it up for longer than anybody minds, and become fewer with each round.
 * When they do not become fewer, the job is held back, as QEMU's auto-converge does with the processors of a machine that moves: it runs slowly for some seconds,
 * and would otherwise stand still for as long.
 */
export function decidePreCopy({ rounds, dirtyPages, cpuShare, fixedFreezeMs }: PreCopyState): PreCopyDecision {
  const last = rounds.at(-1)
  if (!last) throw new Error('the stop rule needs a round to judge')
  // Short rounds are mostly start-up; the best round tells what the wire carries.
  const bytesPerMs = Math.max(...rounds.map(({ bytes, durationMs }) => bytes / Math.max(1, durationMs)))
  const pagesMs = (dirtyPages * PAGE_BYTES) / Math.max(1, bytesPerMs)
  const decision = (go: PreCopyDecision['go'], why: PreCopyDecision['why'], share = cpuShare): PreCopyDecision => {
    return { go, why, cpuShare: share, estimatedFreezeMs: Math.round(fixedFreezeMs + pagesMs) }
  }
  if (pagesMs <= UNNOTICED_MS) return decision('final-dump', 'short-enough')
  if (!needsPreCopy(dirtyPages * PAGE_BYTES)) return decision('final-dump', 'few-pages')
  if (rounds.length >= PRE_COPY_ROUNDS) return decision('final-dump', 'rounds-limit')
  if (dirtyPages <= last.pages * SHRINK_FACTOR) return decision('another-round', 'shrinks')
  if (cpuShare > HELD_BACK_SHARE) return decision('another-round', 'hold-back', HELD_BACK_SHARE)
  return decision('final-dump', 'no-progress')
}
