import type { Arrival } from './workload.ts'

/**
 * What no balancer can beat: all jobs share all CPUs perfectly and at no cost, each at most as fast as the fastest CPU, and memory is no matter.
 * Gives the average and 95th-percentile slowdown. All jobs run equally fast, so one virtual clock serves them all: a job ends when the clock has gone
 * on by its demand.
 */
export function perfectSharing(arrivals: Iterable<Arrival>, capacity: number, fastest: number, untilMs: number): { average: number; slowdown95: number } {
  const heap: { endsAt: number; bornMs: number; demand: number }[] = []
  const slowdowns: number[] = []
  let virtual = 0
  let nowMs = 0
  const runUntil = (limitMs: number): void => {
    while (heap.length > 0 && nowMs < limitMs) {
      const rate = Math.min(fastest, capacity / heap.length)
      const next = heap[0] as (typeof heap)[number]
      const endMs = nowMs + (next.endsAt - virtual) / rate * 1_000
      if (endMs > limitMs) {
        virtual += rate * (limitMs - nowMs) / 1_000
        break
      }
      virtual = next.endsAt
      nowMs = endMs
      pop(heap)
      slowdowns.push((endMs - next.bornMs) / 1_000 / next.demand)
    }
    nowMs = Math.max(nowMs, limitMs)
  }
  for (const { atMs, demandSeconds } of arrivals) {
    runUntil(atMs)
    push(heap, { endsAt: virtual + demandSeconds, bornMs: atMs, demand: demandSeconds })
  }
  runUntil(untilMs)
  for (const { endsAt, bornMs, demand } of heap) {
    const done = demand - (endsAt - virtual)
    if (done > 0.5) slowdowns.push((untilMs - bornMs) / 1_000 / done)
  }
  const sorted = Float64Array.from(slowdowns).sort()
  return { average: sorted.reduce((sum, value) => sum + value, 0) / Math.max(1, sorted.length), slowdown95: sorted[Math.floor(sorted.length * 0.95)] ?? 0 }
}

interface Ending {
  endsAt: number
}

/** A binary heap by `endsAt`. */
function push<Item extends Ending>(heap: Item[], item: Item): void {
  let at = heap.push(item) - 1
  while (at > 0) {
    const parent = (at - 1) >> 1
    if ((heap[parent] as Item).endsAt <= item.endsAt) break
    heap[at] = heap[parent] as Item
    at = parent
  }
  heap[at] = item
}

function pop<Item extends Ending>(heap: Item[]): void {
  const item = heap.pop()
  if (item === undefined || heap.length === 0) return
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && (heap[child + 1] as Item).endsAt < (heap[child] as Item).endsAt) child++
    if ((heap[child] as Item).endsAt >= item.endsAt) break
    heap[at] = heap[child] as Item
    at = child
  }
  heap[at] = item
}
