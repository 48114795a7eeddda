/** One look at both clocks: the time of day, and before and after it the one that never jumps, in milliseconds. */
export interface ClockLook {
  beforeMs: number
  timeOfDayMs: number
  afterMs: number
}

/** Date.now() has whole milliseconds. */
const ROUNDING_MS = 2

/** By how much the time of day was set back between two looks, at least: what the looking itself can make seem so is taken off. 0 when it was not. */
export function setBackMs(earlier: ClockLook, later: ClockLook): number {
  const leastBefore = earlier.timeOfDayMs - earlier.afterMs
  const mostNow = later.timeOfDayMs - later.beforeMs
  return Math.max(0, leastBefore - ROUNDING_MS - mostNow)
}
