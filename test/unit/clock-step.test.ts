import fc from 'fast-check'
import { expect, test } from 'vitest'
import { setBackMs } from '../../agent/mesh/clock-step.ts'

test('a clock that runs on is never taken for one that was set back, however long the looking takes; one that was is, and never for more', () => {
  const span = fc.integer({ min: 0, max: 100_000 })
  fc.assert(fc.property(span, span, span, span, span, (start, tookFirst, between, tookSecond, backMs) => {
    const dayMs = 1_000_000_000
    const first = { beforeMs: start, timeOfDayMs: dayMs + start + Math.floor(tookFirst / 2), afterMs: start + tookFirst }
    const next = first.afterMs + between
    const second = { beforeMs: next, timeOfDayMs: dayMs + next + Math.floor(tookSecond / 2), afterMs: next + tookSecond }
    expect(setBackMs(first, second)).toBe(0)
    const seen = setBackMs(first, { ...second, timeOfDayMs: second.timeOfDayMs - backMs })
    expect(seen).toBeLessThanOrEqual(backMs)
    expect(seen).toBeGreaterThanOrEqual(backMs - tookFirst - tookSecond - 3)
  }))
})
