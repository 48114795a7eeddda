import type { DecisionInput, DecisionJob } from '../../schema/decision.ts'
import type { LoadEntry } from '../../schema/load.ts'
import { cheapest } from './cost.ts'
import type { CostScale } from './cost.ts'
import { isOpenTo, MEMORY_RESERVE } from './eligibility.ts'

/** Swapping this much out means that memory is short already. */
const SWAPPING_KIBPS = 1_024

/** So does waiting for memory this share of the time, unless a quarter of it is free. */
const STALLED_SHARE = 0.1
const PLENTY = 1 / 4

/** Memory ushering (Barak, Braverman: Memory Ushering in a Scalable Computing Cluster, 1998): below the reserve, memory decides. */
export function isShortOfMemory({ memoryFreeKiB, memoryTotalKiB, swapOutKiBps, memoryStallShare }: DecisionInput['own']): boolean {
  if (memoryFreeKiB < memoryTotalKiB * MEMORY_RESERVE) return true
  return memoryFreeKiB < memoryTotalKiB * PLENTY && (swapOutKiBps >= SWAPPING_KIBPS || memoryStallShare >= STALLED_SHARE)
}

export interface Usher {
  job: DecisionJob
  target: LoadEntry
}

/**
 * The smallest job whose going ends the shortage, else the largest that fits anywhere; to the node where it costs least. Undefined when none
 * has room: then nothing is gained by moving the shortage about.
 */
export function chooseUsher(jobs: readonly DecisionJob[], own: DecisionInput['own'], targets: readonly LoadEntry[], scale: CostScale): Usher | undefined {
  const missingKiB = own.memoryTotalKiB * MEMORY_RESERVE - own.memoryFreeKiB
  const bySize = jobs.filter((job) => job.rssKiB > 0).toSorted((a, b) => a.rssKiB - b.rssKiB)
  const enough = bySize.filter((job) => job.rssKiB >= missingKiB)
  const tooSmall = bySize.filter((job) => job.rssKiB < missingKiB).toReversed()
  for (const job of [...enough, ...tooSmall]) {
    const target = cheapest(scale, targets.filter((node) => isOpenTo(node, job)), job)
    if (target !== undefined) return { job, target }
  }
  return undefined
}
