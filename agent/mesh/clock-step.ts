/** One look at both clocks: the time of day, and before and after it the one that never jumps, in milliseconds. */
export interface ClockLook {
  beforeMs: number
  timeOfDayMs: number
  afterMs: number
}

/** Date.now() has whole milliseconds. */
const ROUNDING_MS = 2

/** Whether the time of day was set back between two looks, beyond what the looking itself can make seem so. */
export function wasSetBack(earlier: ClockLook, later: ClockLook): boolean {
  const leastBefore = earlier.timeOfDayMs - earlier.afterMs
  const mostNow = later.timeOfDayMs - later.beforeMs
  return mostNow < leastBefore - ROUNDING_MS
}
