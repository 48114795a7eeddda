import * as z from 'zod'
import { localMs } from './world.ts'
import type { SimJob, SimNode } from './world.ts'

const RETURN_MS = 30_000
/** Entries of a node's news that are looked at for their age: as many as travel in one datagram. */
const NEWS_ENTRIES = 32
const NEWS_SAMPLES_PER_SECOND = 8

export const reportSchema = z.object({
  jobs: z.int(),
  finished: z.int(),
  startedAwayShare: z.number(),
  /** Jobs that died with a node. */
  lost: z.int(),
  /** Time a job took divided by the CPU seconds it needed, in standard ones; of a job that is not over, what it is so far. */
  averageSlowdown: z.number(),
  slowdown95: z.number(),
  movesPerJob: z.number(),
  refusedShare: z.number(),
  /** Share of the moves that took a job back to where it had left less than 30 s before. */
  returnShare: z.number(),
  movedGiB: z.number(),
  /** CPUs that were idle while jobs waited elsewhere, as a share of all; on average. */
  averageImbalance: z.number(),
  /** The same by second. */
  imbalance: z.array(z.number()),
  /** Age of the 32 freshest figures a node holds: on average, and that of the oldest of them, on average too. */
  newsAverageMs: z.number(),
  newsOldestMs: z.number(),
})
export type Report = z.output<typeof reportSchema>

/** Counts what happens in a run. */
export class Metrics {
  #started = 0
  #startedAway = 0
  #finished: number[] = []
  #lost = 0
  #asked = 0
  #moved = 0
  #returned = 0
  #movedKiB = 0
  #imbalance: number[] = []
  #news = { sum: 0, count: 0, oldest: 0, samples: 0 }
  readonly #seconds: number

  constructor(seconds: number) {
    this.#seconds = seconds
  }

  started(away: boolean): void {
    this.#started++
    if (away) this.#startedAway++
  }

  finished(job: SimJob, atMs: number): void {
    this.#finished.push((atMs - job.bornMs) / 1_000 / job.demandSeconds)
  }

  lost(): void {
    this.#lost++
  }

  asked(): void {
    this.#asked++
  }

  moved(job: SimJob, target: SimNode, atMs: number): void {
    this.#moved++
    this.#movedKiB += job.rssKiB
    if (target.index === job.leftNode && atMs - job.leftMs < RETURN_MS) this.#returned++
  }

  second(nodes: readonly SimNode[], nowMs: number): void {
    this.#imbalance.push(imbalanceOf(nodes))
    for (let sample = 0; sample < NEWS_SAMPLES_PER_SECOND; sample++) {
      const node = nodes[(this.#imbalance.length * 7_919 + sample * 104_729) % nodes.length]
      const news = node?.alive === true && node.balancer !== undefined ? node.balancer.seen(localMs(node, nowMs)).slice(0, NEWS_ENTRIES) : []
      for (const { ageMs } of news) this.#news.sum += ageMs
      this.#news.count += news.length
      this.#news.oldest += news.at(-1)?.ageMs ?? 0
      this.#news.samples += Math.min(1, news.length)
    }
  }

  report(unfinished: Iterable<SimJob>, remaining: (job: SimJob) => number, nowMs: number): Report {
    const slowdowns = [...this.#finished]
    for (const job of unfinished) {
      const done = job.demandSeconds - remaining(job)
      // A job that has just come says nothing yet.
      if (done > 0.5) slowdowns.push((nowMs - job.bornMs) / 1_000 / done)
    }
    const sorted = Float64Array.from(slowdowns).sort()
    return {
      jobs: this.#started,
      finished: this.#finished.length,
      startedAwayShare: ratio(this.#startedAway, this.#started),
      lost: this.#lost,
      averageSlowdown: average(sorted),
      slowdown95: sorted[Math.floor(sorted.length * 0.95)] ?? 0,
      movesPerJob: ratio(this.#moved, this.#started),
      refusedShare: ratio(this.#asked - this.#moved, this.#asked),
      returnShare: ratio(this.#returned, this.#moved),
      movedGiB: this.#movedKiB / 1024 / 1024,
      averageImbalance: average(this.#imbalance),
      imbalance: this.#imbalance.slice(0, this.#seconds),
      newsAverageMs: ratio(this.#news.sum, this.#news.count),
      newsOldestMs: ratio(this.#news.oldest, this.#news.samples),
    }
  }
}

/** What of the cluster's CPUs is idle although processes wait on other nodes. */
export function imbalanceOf(nodes: readonly SimNode[]): number {
  let idle = 0
  let waiting = 0
  let capacity = 0
  for (const node of nodes) {
    if (!node.alive) continue
    const speed = node.speed / 10_000
    capacity += node.cpus * speed
    if (node.running < node.cpus) idle += (node.cpus - node.running) * speed
    else waiting += node.running - node.cpus
  }
  return capacity === 0 ? 0 : Math.min(idle, waiting) / capacity
}

function average(values: ArrayLike<number>): number {
  let sum = 0
  for (let index = 0; index < values.length; index++) sum += values[index] as number
  return ratio(sum, values.length)
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}
