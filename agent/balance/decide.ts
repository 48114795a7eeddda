import type { DecisionInput, DecisionJob, Judgement, Move, Weighing } from '../../schema/decision.ts'
import type { LoadEntry } from '../../schema/load.ts'
import { costScaleAmong, loadWith, loadWithout, marginalCost, processSpeed, savedCost } from './cost.ts'
import type { CostScale } from './cost.ts'
import { isOpenTo, usableNodes, whyJobStays, whyNothingMoves } from './eligibility.ts'
import type { Stay } from './eligibility.ts'
import { chooseUsher, isShortOfMemory } from './ushering.ts'

/** A move must save this many times what it costs the target: MOSIX's stability factor. */
const STABILITY = 1.3
/** A job goes where it runs this much faster, or not at all, unless memory is scarce here. */
const FASTER_AT_LEAST = 1.05
/** From this share of used memory on, a job may leave for the room's sake alone. */
const MEMORY_CROWDED = 3 / 4
/** A job that wants less of a CPU than this has nothing to gain by another one. */
const RUNNABLE_AT_LEAST = 0.1

export interface Decision {
  move: Move | undefined
  /** What is said of every job of this node, in their order. */
  judgements: Judgement[]
}

/**
 * At most one move, the one that lowers the cost of both nodes together most. Memory comes first: a node short of it sheds a job
 * whatever the CPUs say. Pure: the same input gives the same decision, which is what `plump decisions --replay` checks.
 */
export function decide(input: DecisionInput): Decision {
  const nothing = whyNothingMoves(input)
  if (nothing !== undefined) return { move: undefined, judgements: input.jobs.map((job) => stays(job, nothing)) }

  const targets = usableNodes(input)
  const scale = costScaleAmong(input, targets)
  const free = input.jobs.map((job) => whyJobStays(input, job))
  const movable = input.jobs.filter((_, index) => free[index] === undefined)
  const usher = isShortOfMemory(input.own) ? chooseUsher(movable, input.own, targets, scale) : undefined
  const judgements = input.jobs.map((job, index): Judgement => {
    const stay = free[index]
    if (stay !== undefined) return stays(job, stay)
    if (usher?.job === job) return { verdict: 'move', job: job.id, cause: 'memory', weighing: weigh(input, scale, job, usher.target) }
    return judge(input, scale, targets, job)
  })
  return onlyBest(judgements)
}

/**
 * Whether a job that wants a CPU or more may have something to gain elsewhere, by what is cheaply known: the best pace among nodes whose figures are fresh. If not,
 * {@link decide} moves none.
 */
export function mayGain(own: DecisionInput['own'], bestPace: number): boolean {
  return isCrowded(own) || bestPace >= processSpeed(own, own.load) * FASTER_AT_LEAST
}

function isCrowded({ memoryFreeKiB, memoryTotalKiB }: DecisionInput['own']): boolean {
  return memoryFreeKiB < memoryTotalKiB * (1 - MEMORY_CROWDED)
}

/** The best place for this job, if it is worth the move. */
function judge(input: DecisionInput, scale: CostScale, targets: readonly LoadEntry[], job: DecisionJob): Judgement {
  if (targets.length === 0) return stays(job, { why: 'no-nodes' })
  const crowded = isCrowded(input.own)
  if (job.runnable < RUNNABLE_AT_LEAST && !crowded) return stays(job, { why: 'idle' })
  const speedHere = processSpeed(input.own, input.own.load)
  let best: LoadEntry | undefined
  let bestCost = Infinity
  let open = 0
  for (const node of targets) {
    if (!isOpenTo(node, job)) continue
    open++
    if (!crowded && processSpeed(node, loadWith(node, job)) < speedHere * FASTER_AT_LEAST) continue
    const cost = marginalCost(scale, node, job)
    if (cost >= bestCost) continue
    bestCost = cost
    best = node
  }
  if (best === undefined) return stays(job, { why: open === 0 ? 'no-target' : 'no-gain' })
  const weighing = weigh(input, scale, job, best)
  if (netSaving(weighing) > 0) return { verdict: 'move', job: job.id, cause: 'cpu', weighing }
  return { ...stays(job, { why: 'not-worth-it' }), weighing }
}

function weigh({ own, transferKiBps, moveOverheadMs }: DecisionInput, scale: CostScale, job: DecisionJob, target: LoadEntry): Weighing {
  const moveMs = moveOverheadMs + job.rssKiB / transferKiBps * 1000
  const saving = savedCost(scale, own, job)
  return {
    target: target.id,
    loadHere: own.load,
    loadHereAfter: loadWithout(own, job),
    loadThere: target.load,
    loadThereAfter: loadWith(target, job),
    saving,
    marginalCost: marginalCost(scale, target, job),
    moveMs,
    // A process that has run for a while runs, in the median, as long again (Harchol-Balter and Downey, ACM TOCS 15(3), 1997): a move
    // that takes a tenth of the job's age eats a tenth of what it saves.
    moveCost: saving * moveMs / Math.max(1, job.ageMs),
  }
}

/** What a move saves in all; it is made when this is above 0. */
export function netSaving({ saving, marginalCost: cost, moveCost }: Weighing): number {
  return saving - STABILITY * cost - moveCost
}

/** Keeps one move, the memory's or the one that saves most; the others wait for the next second. */
function onlyBest(judgements: Judgement[]): Decision {
  let move: Move | undefined
  for (const judgement of judgements) {
    if (judgement.verdict === 'move' && (move === undefined || outranks(judgement, move))) move = judgement
  }
  if (move === undefined) return { move, judgements }
  return {
    move,
    judgements: judgements.map((judgement) => (
      judgement.verdict === 'stays' || judgement === move ? judgement : { verdict: 'stays', job: judgement.job, why: 'another-first', detail: move.job, weighing: judgement.weighing }
    )),
  }
}

function outranks(a: Move, b: Move): boolean {
  if (a.cause !== b.cause) return a.cause === 'memory'
  return netSaving(a.weighing) > netSaving(b.weighing)
}

function stays(job: DecisionJob, { why, detail }: Stay): Extract<Judgement, { verdict: 'stays' }> {
  return { verdict: 'stays', job: job.id, why, ...(detail === undefined ? {} : { detail }) }
}
