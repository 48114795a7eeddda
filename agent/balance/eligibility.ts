import type { DecisionInput, DecisionJob, StayReason } from '../../schema/decision.ts'
import type { LoadEntry } from '../../schema/load.ts'
import type { NodeId } from '../../schema/node-state.ts'

/** A job stays this long after it started or arrived, and longer when it stood still for long (recipe: 10 times its last freeze). */
const RESIDENCY_MS = 10_000
const RESIDENCY_FREEZES = 10

/** A job does not go back so soon to the node it came from: two nodes would play ball with it. */
const NO_RETURN_MS = 30_000

/** Figures older than this are not acted on. */
export const FRESH_LIMIT_MS = 10_000

/** A node keeps this share of its memory free; below it, it is short of memory. */
export const MEMORY_RESERVE = 1 / 16
/** Images in tmpfs and restored pages together, while a job arrives. */
const ARRIVAL_NEEDS_RSS = 2

export interface Stay {
  why: StayReason
  detail?: string
}

export function residencyMs({ lastFreezeMs }: Pick<DecisionJob, 'lastFreezeMs'>): number {
  return Math.max(RESIDENCY_MS, RESIDENCY_FREEZES * lastFreezeMs)
}

/** Why no job at all leaves this node now. */
export function whyNothingMoves({ rules, leaving, backoffMs }: DecisionInput): Stay | undefined {
  if (rules.quiet) return { why: 'quiet' }
  if (rules.stay) return { why: 'stay' }
  if (leaving > 0) return { why: 'leaving' }
  return backoffMs > 0 ? { why: 'backoff', detail: `${seconds(backoffMs)} s` } : undefined
}

/** Why this job does not leave now, wherever to. */
export function whyJobStays(input: DecisionInput, job: DecisionJob): Stay | undefined {
  if (job.cantmove !== undefined) return { why: 'cantmove', detail: job.cantmove }
  if (job.locked) return { why: 'locked' }
  if (input.rules.lstay && job.home === input.node) return { why: 'lstay' }
  const rest = residencyMs(job) - job.residentMs
  return rest > 0 ? { why: 'resident', detail: `${seconds(rest)} s` } : undefined
}

/** Whether the job may and can run on the node at all; what it would gain there is another question. */
export function isOpenTo(node: LoadEntry, job: DecisionJob): boolean {
  return isAllowed(node, job) && hasRoom(node, job.rssKiB)
}

/** Nodes that take guests, have told of themselves lately and did not just refuse; in another order each time, or all would run to the same one of equals. */
export function usableNodes({ nodes, agesMs, node: self, refused, seed }: DecisionInput): LoadEntry[] {
  const usable: LoadEntry[] = []
  const first = seed % nodes.length
  for (let step = 0, index = first; step < nodes.length; step++, index = index + 1 === nodes.length ? 0 : index + 1) {
    const node = nodes[index] as LoadEntry
    if (node.id !== self && node.takes && (agesMs[index] as number) <= FRESH_LIMIT_MS && !refused.includes(node.id)) usable.push(node)
  }
  return usable
}

function isAllowed(node: LoadEntry, job: DecisionJob): boolean {
  // A guest can always go home: that is where it started, with those features.
  const home = node.id === job.home
  const returns = node.id === job.cameFrom && job.residentMs < NO_RETURN_MS
  return (home || node.cpuClass === job.cpuClass) && !returns && isInMask(node.id, job)
}

function isInMask(node: NodeId, { mask }: DecisionJob): boolean {
  return mask === undefined || mask.nodes.includes(node) === (mask.mode === 'only')
}

/** Whether a job of this size can arrive without anything being swapped out, then or later. */
export function hasRoom(node: { memoryFreeKiB: number; memoryTotalKiB: number }, rssKiB: number): boolean {
  return node.memoryFreeKiB >= ARRIVAL_NEEDS_RSS * rssKiB && node.memoryFreeKiB - rssKiB >= node.memoryTotalKiB * MEMORY_RESERVE
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1)
}
