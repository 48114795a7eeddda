import type { Balancer, Moment } from '../agent/balance/balancer.ts'
import { loadWith, processSpeed } from '../agent/balance/cost.ts'
import { hasRoom, usableNodes, whyJobStays, whyNothingMoves } from '../agent/balance/eligibility.ts'
import { standardLoad } from '../agent/balance/load.ts'
import type { ReservationRequest } from '../agent/balance/reservations.ts'
import type { DecisionInput, DecisionJob, Move, Weighing } from '../schema/decision.ts'
import type { LoadEntry } from '../schema/load.ts'

/**
 * What ours is compared with: a balancer in the manner of MOSIX that looks at CPU load alone and takes the least loaded node it has fresh
 * news of. Memory is only looked at to see whether the job has room. Residency, reservations and the news are the same as ours.
 */
const STABILITY = 1.3

/** The first job that may move goes to the least loaded node, if even with it that one is less loaded than this one by the stability factor. */
export function greedyMove(input: DecisionInput): Move | undefined {
  if (whyNothingMoves(input) !== undefined) return undefined
  const job = input.jobs.find((each) => whyJobStays(input, each) === undefined)
  const target = job === undefined ? undefined : leastLoaded(usableNodes(input), job)
  if (job === undefined || target === undefined || loadWith(target, job) * STABILITY >= input.own.load) return undefined
  if (processSpeed(target, loadWith(target, job)) <= processSpeed(input.own, input.own.load)) return undefined
  const weighing: Weighing = {
    target: target.id, loadHere: input.own.load, loadHereAfter: 0, loadThere: target.load, loadThereAfter: loadWith(target, job), saving: 0, marginalCost: 0, moveMs: 0, moveCost: 0,
  }
  return { verdict: 'move', job: job.id, cause: 'cpu', weighing }
}

/** A job starts on the least loaded node, by the same rule. */
export function greedyPlace(
  balancer: Balancer, job: { id: string; rssKiB: number }, now: Moment, clusterSize: number, nowMs: number,
): ReservationRequest & { target: number } | undefined {
  const input = balancer.input([], { stay: false, lstay: false, quiet: false }, clusterSize, nowMs)
  if (input === undefined) return undefined
  const demand = { runnable: 1, rssKiB: job.rssKiB }
  const target = leastLoaded(usableNodes(input), demand)
  const loadHere = standardLoad(now.runnable + 1, input.own)
  if (target === undefined || loadWith(target, demand) * STABILITY >= loadHere) return undefined
  if (processSpeed(target, loadWith(target, demand)) <= processSpeed(input.own, loadHere)) return undefined
  return { target: target.id, job: job.id, from: input.node, kind: 'start', load: standardLoad(1, target), rssKiB: job.rssKiB, assumedLoad: target.load, forMemory: false }
}

function leastLoaded(nodes: readonly LoadEntry[], job: Pick<DecisionJob, 'runnable' | 'rssKiB'>): LoadEntry | undefined {
  let least: LoadEntry | undefined
  for (const node of nodes) if (hasRoom(node, job.rssKiB) && (least === undefined || node.load < least.load)) least = node
  return least
}
