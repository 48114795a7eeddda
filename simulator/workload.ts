/**
 * Jobs as they come to a cluster: batches at random times (Poisson), mostly of one job, at random homes; demand and memory have heavy
 * tails. Pr{demand > x} = 1/x is what Harchol-Balter and Downey measured of UNIX processes (ACM TOCS 15(3), 1997), and the shape that
 * studies of the opportunity cost method use for memory too.
 */
export interface Workload {
  /** Share of the cluster's CPUs that the jobs need on average. */
  utilisation: number
  /** Seconds of a standard CPU. */
  shortestSeconds: number
  longestSeconds: number
  smallestKiB: number
  largestKiB: number
  /** Share of arrivals that are batches, and the largest batch (its size has the same tail). */
  batchShare: number
  largestBatch: number
  /** Share of the nodes at which all jobs start: 1 = everywhere. */
  homeShare: number
}

export interface Arrival {
  atMs: number
  /** Index of the home among the nodes that are alive at that moment. */
  homeDraw: number
  demandSeconds: number
  rssKiB: number
}

/** Bounded Pareto with exponent 1 between `least` and `most`. */
export function heavyTailed(random: () => number, least: number, most: number): number {
  return least / (1 - random() * (1 - least / most))
}

/** The mean of {@link heavyTailed}. */
export function heavyTailedMean(least: number, most: number): number {
  return Math.log(most / least) * least / (1 - least / most)
}

/** All arrivals from 0 to `untilMs`, in order, one at a time: in an hour of 10,000 nodes there are millions. `capacity` in standard CPUs. */
export function* drawArrivals(workload: Workload, capacity: number, untilMs: number, random: () => number): Generator<Arrival, undefined> {
  const meanJob = heavyTailedMean(workload.shortestSeconds, workload.longestSeconds)
  const meanBatch = 1 - workload.batchShare + workload.batchShare * heavyTailedMean(2, workload.largestBatch)
  const batchesPerMs = workload.utilisation * capacity / (meanJob * meanBatch) / 1000
  for (let atMs = gap(random, batchesPerMs); atMs < untilMs; atMs += gap(random, batchesPerMs)) {
    const size = random() < workload.batchShare ? Math.round(heavyTailed(random, 2, workload.largestBatch)) : 1
    const homeDraw = random()
    for (let job = 0; job < size; job++) {
      yield {
        atMs, homeDraw,
        demandSeconds: heavyTailed(random, workload.shortestSeconds, workload.longestSeconds),
        rssKiB: Math.round(heavyTailed(random, workload.smallestKiB, workload.largestKiB)),
      }
    }
  }
  return undefined
}

function gap(random: () => number, perMs: number): number {
  return -Math.log(1 - random()) / perMs
}
