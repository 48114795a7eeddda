import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Acknowledger } from '../../agent/jobs/acknowledger.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a stream that flows is acknowledged now and then, and its end soon', () => {
  const told: number[] = []
  const acknowledger = new Acknowledger(1024 * 1024, (offset) => told.push(offset))
  for (let chunk = 1; chunk <= 10; chunk++) acknowledger.taken(chunk * 64 * 1024)
  expect(told).toEqual([256 * 1024, 512 * 1024])
  vi.advanceTimersByTime(1_000)
  expect(told).toEqual([256 * 1024, 512 * 1024, 640 * 1024])
})

test('a few bytes are acknowledged once', () => {
  const told: number[] = []
  const acknowledger = new Acknowledger(1024 * 1024, (offset) => told.push(offset))
  for (let offset = 1; offset <= 5; offset++) acknowledger.taken(offset)
  vi.advanceTimersByTime(1_000)
  expect(told).toEqual([5])
})
