import type { Balancer } from '../agent/balance/balancer.ts'
import { STANDARD_SPEED } from '../schema/load.ts'

/** The simulated machines: nodes that share their CPUs among the jobs on them, and jobs that get on as fast as that lets them. */

export interface SimJob {
  id: string
  home: number
  demandSeconds: number
  /** CPU seconds, in standard ones, that are still to be done. */
  remaining: number
  rssKiB: number
  bornMs: number
  /** Index of the node that runs it or, while it stands still for a move, that holds it. */
  node: number
  since: number
  lastFreezeMs: number
  moves: number
  /** The last node it left, and when: for returns. */
  leftNode: number
  leftMs: number
  state: 'runs' | 'frozen' | 'done' | 'lost'
}

export interface SimNode {
  index: number
  id: number
  cpus: number
  speed: number
  memoryTotalKiB: number
  alive: boolean
  /** This node's clock shows `offsetMs + rate · time`. */
  clockOffsetMs: number
  clockRate: number
  /** Which part of the network it is in; nodes of different parts do not hear each other. */
  side: number
  jobs: SimJob[]
  usedKiB: number
  /** Memory held for a job that is arriving. */
  arrivingKiB: number
  leaving: boolean
  arriving: boolean
  advancedMs: number
  balancer: Balancer | undefined
}

/** Memory the system itself takes. */
export const SYSTEM_KIB = 128 * 1024
/** A node that needs a quarter more memory than it has runs ten times slower. */
const SWAPPING_SLOWEST = 1 / 10
const SWAPPING_FULL_AT = 1 / 4

/** How much of its speed a node keeps when it swaps. */
export function swapFactor(node: SimNode): number {
  const over = node.usedKiB / node.memoryTotalKiB - 1
  if (over <= 0) return 1
  return Math.max(SWAPPING_SLOWEST, 1 / (1 + over / SWAPPING_FULL_AT * (1 / SWAPPING_SLOWEST - 1)))
}

export function freeKiB(node: SimNode): number {
  return Math.max(0, node.memoryTotalKiB - node.usedKiB - node.arrivingKiB)
}

export function localMs(node: SimNode, timeMs: number): number {
  return node.clockOffsetMs + timeMs * node.clockRate
}

/** Jobs that run (one that stands still takes memory and no CPU). */
export function runningCount(node: SimNode): number {
  let count = 0
  for (const job of node.jobs) if (job.state === 'runs') count++
  return count
}

/** Lets the node's jobs run until `untilMs`; jobs that end on the way are taken off and told to `done`, with the exact time. */
export function advance(node: SimNode, untilMs: number, done: (job: SimJob, atMs: number) => void): void {
  while (node.advancedMs < untilMs) {
    const running = runningCount(node)
    if (running === 0 || !node.alive) break
    const speed = Math.min(1, node.cpus / running) * node.speed / STANDARD_SPEED * swapFactor(node)
    let least = Infinity
    for (const job of node.jobs) if (job.state === 'runs' && job.remaining < least) least = job.remaining
    const stepMs = Math.min(untilMs - node.advancedMs, least / speed * 1000)
    const work = speed * stepMs / 1000
    node.advancedMs += stepMs
    let ended = false
    for (const job of node.jobs) {
      if (job.state !== 'runs') continue
      job.remaining -= work
      if (job.remaining <= 1e-9) ended = true
    }
    if (ended) for (const job of node.jobs.filter((each) => each.state === 'runs' && each.remaining <= 1e-9)) {
      job.state = 'done'
      takeOff(node, job)
      done(job, node.advancedMs)
    }
  }
  node.advancedMs = untilMs
}

export function putOn(node: SimNode, job: SimJob): void {
  node.jobs.push(job)
  node.usedKiB += job.rssKiB
  job.node = node.index
}

export function takeOff(node: SimNode, job: SimJob): void {
  const at = node.jobs.indexOf(job)
  if (at < 0) throw new Error(`job ${job.id} is not on node ${node.index}`)
  node.jobs.splice(at, 1)
  node.usedKiB -= job.rssKiB
}

/** What a node finds when it looks at itself. */
export function momentOf(node: SimNode): { runnable: number; memoryFreeKiB: number } {
  return { runnable: runningCount(node), memoryFreeKiB: freeKiB(node) }
}
