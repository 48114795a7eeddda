import type { Balancer } from '../agent/balance/balancer.ts'
import { STANDARD_SPEED } from '../schema/load.ts'

/** The simulated machines: nodes that share their CPUs among the jobs on them, and jobs that get on as fast as that lets them. */

export interface SimJob {
  id: string
  home: number
  demandSeconds: number
  /** CPU seconds, in standard ones, that are still to be done; while it runs, {@link remainingOf} knows. */
  remaining: number
  /** While it runs: what its node will have given each of its jobs when this one is done. */
  endsAt: number
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
  /** How many of them run: one that stands still takes memory and no CPU. */
  running: number
  /** CPU seconds, in standard ones, that each job has been given that has run here since the start: all that run are given the same. */
  served: number
  /** The least `endsAt` of those that run. */
  nextEnd: number
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

/** CPU seconds: a job that has no more to do than this is done. */
const SOON = 1e-9

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

/**
 * Lets the node's jobs run until `untilMs`; jobs that end on the way are taken off and told to `done`, with the exact time. The jobs themselves are not
 * looked at until one ends (virtual time: Demers, Keshav, Shenker, Analysis and Simulation of a Fair Queueing Algorithm, SIGCOMM 1989), since ten thousand nodes are brought up to date each second.
 */
export function advance(node: SimNode, untilMs: number, done: (job: SimJob, atMs: number) => void): void {
  while (node.advancedMs < untilMs) {
    if (node.running === 0 || !node.alive) break
    const speed = Math.min(1, node.cpus / node.running) * node.speed / STANDARD_SPEED * swapFactor(node)
    const stepMs = Math.min(untilMs - node.advancedMs, Math.max(0, node.nextEnd - node.served) / speed * 1000)
    node.served += speed * stepMs / 1000
    node.advancedMs += stepMs
    const ended = node.nextEnd - node.served <= SOON ? node.jobs.filter((job) => job.state === 'runs' && job.endsAt - node.served <= SOON) : []
    for (const job of ended) {
      halt(node, job, 'done')
      takeOff(node, job)
      done(job, node.advancedMs)
    }
  }
  node.advancedMs = untilMs
}

/** The job is on this node from now on and stands still: {@link go} lets it run. */
export function putOn(node: SimNode, job: SimJob): void {
  node.jobs.push(job)
  node.usedKiB += job.rssKiB
  job.node = node.index
}

/** Lets a job on this node run. */
export function go(node: SimNode, job: SimJob): void {
  job.state = 'runs'
  job.endsAt = node.served + job.remaining
  node.running++
  node.nextEnd = Math.min(node.nextEnd, job.endsAt)
}

/** A job that runs on this node does so no more. */
export function halt(node: SimNode, job: SimJob, state: Exclude<SimJob['state'], 'runs'>): void {
  job.remaining = job.endsAt - node.served
  job.state = state
  node.running--
  if (job.endsAt > node.nextEnd) return
  node.nextEnd = Infinity
  for (const other of node.jobs) if (other.state === 'runs') node.nextEnd = Math.min(node.nextEnd, other.endsAt)
}

/** CPU seconds, in standard ones, that are still to be done of a job on this node. */
export function remainingOf(node: SimNode, job: SimJob): number {
  return job.state === 'runs' ? job.endsAt - node.served : job.remaining
}

/** A job that stands still is not on this node any more. */
export function takeOff(node: SimNode, job: SimJob): void {
  const at = node.jobs.indexOf(job)
  if (at < 0 || job.state === 'runs') throw new Error(`job ${job.id} is not on node ${node.index}, or runs there`)
  node.jobs.splice(at, 1)
  node.usedKiB -= job.rssKiB
}

/** What a node finds when it looks at itself. */
export function momentOf(node: SimNode): { runnable: number; memoryFreeKiB: number } {
  return { runnable: node.running, memoryFreeKiB: freeKiB(node) }
}
