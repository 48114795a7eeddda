import type { DecisionInput, DecisionJob } from '../../schema/decision.ts'
import type { LoadEntry, SeenLoad } from '../../schema/load.ts'

const GIB = 1024 * 1024

export function entry(id: number, changes: Partial<LoadEntry> = {}): LoadEntry {
  return {
    id, cpus: 1, speed: 10_000, load: 0, jobs: 0, memoryTotalKiB: 2 * GIB, memoryFreeKiB: 2 * GIB - 200 * 1024, utilisation: 0, gives: true, takes: true, cpuClass: 7, ...changes,
  }
}

export function seen(id: number, changes: Partial<SeenLoad> = {}): SeenLoad {
  return { ...entry(id), ageMs: 1_000, ...changes }
}

export function job(id: string, changes: Partial<DecisionJob> = {}): DecisionJob {
  return { id, home: 1, runnable: 1, rssKiB: 50 * 1024, ageMs: 60_000, residentMs: 60_000, lastFreezeMs: 0, locked: false, cpuClass: 7, ...changes }
}

function withoutAge(node: SeenLoad): LoadEntry {
  const { ageMs: _, ...figures } = node
  return figures
}

/** Node 1 of three equal ones, with `jobs`; its load is their number. */
export function input(jobs: DecisionJob[], nodes: SeenLoad[], changes: Partial<DecisionInput> = {}): DecisionInput {
  return {
    node: 1, seed: 0, clusterSize: 3,
    own: { load: jobs.length, cpus: 1, speed: 10_000, memoryTotalKiB: 2 * GIB, memoryFreeKiB: GIB, swapOutKiBps: 0, memoryStallShare: 0 },
    rules: { stay: false, lstay: false, quiet: false }, leaving: 0, backoffMs: 0, refused: [], transferKiBps: 80_000, moveOverheadMs: 1_000, jobs,
    nodes: nodes.map(withoutAge), agesMs: nodes.map(({ ageMs }) => ageMs), ...changes,
  }
}
