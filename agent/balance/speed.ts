import { STANDARD_SPEED } from '../../schema/load.ts'

/** Rounds of the loop in one piece, and how long a standard CPU takes for them: one core of a PC of about 2015, under this same program. */
const ROUNDS = 500_000
const STANDARD_MS = 1
/** Pieces, a pause between them: the first ones are slow because the loop is not compiled yet, some because others run; the quickest counts. */
const PIECES = 30
const PAUSE_MS = 40

/** Time and pauses, passed in for tests. */
export interface Clock {
  nowMs(): number
  pause(ms: number): Promise<void>
}

/**
 * Speed of one CPU in units of {@link STANDARD_SPEED}: a calibrated loop in pieces of about a millisecond (in software emulation some
 * twenty), so that nothing else on the node notices.
 */
export async function measureSpeed(clock: Clock): Promise<number> {
  let quickestMs = Infinity
  for (let piece = 0; piece < PIECES; piece++) {
    const started = clock.nowMs()
    // 0 is the one state that xorshift never reaches: the comparison keeps the loop from being left out as unused.
    if (spin(ROUNDS) === 0) throw new Error('xorshift reached 0')
    quickestMs = Math.min(quickestMs, clock.nowMs() - started)
    await clock.pause(PAUSE_MS)
  }
  return speedFrom(quickestMs)
}

/** The speed of a CPU that needs so long for one piece; two digits, because more are noise and equal PCs should read equal. */
export function speedFrom(pieceMs: number): number {
  const exact = STANDARD_SPEED * STANDARD_MS / Math.max(1e-6, pieceMs)
  const digit = 10 ** Math.max(0, Math.floor(Math.log10(exact)) - 1)
  return Math.max(1, Math.round(exact / digit) * digit)
}

/** Integer work that no compiler can leave out: each round needs the one before (xorshift, Marsaglia 2003). */
function spin(rounds: number): number {
  let state = 2_463_534_242
  for (let round = 0; round < rounds; round++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
  }
  return state
}
