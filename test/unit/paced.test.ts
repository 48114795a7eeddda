import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { paced } from '../../agent/os/paced.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Looks that take so many milliseconds of a CPU each, within so long. */
function looksWithin(ms: number, eachTakesMs: number): number {
  let [looks, usedMs] = [0, 0]
  const end = paced(() => {
    looks++
    usedMs += eachTakesMs
  }, { everyMs: 2_000, cpuShare: 1 / 50 }, () => usedMs)
  vi.advanceTimersByTime(ms)
  end()
  vi.advanceTimersByTime(ms)
  return looks
}

test('what takes little is done as often as is wanted, and not any more when it is ended', () => {
  expect(looksWithin(20_000, 1)).toBe(10)
})

test('what takes long is done less often, so that it has its share of the CPU and no more', () => {
  expect(looksWithin(42_000, 200)).toBe(5)
})
