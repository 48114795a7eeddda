import type { DecisionInput, DecisionJob } from '../../schema/decision.ts'
import type { LoadEntry } from '../../schema/load.ts'
import { cheapest, costScaleAmong, loadWith, marginalCost, processSpeed } from './cost.ts'
import { hasRoom, isOpenTo, usableNodes } from './eligibility.ts'

/** Elsewhere must promise this much more speed: starting at home needs no network. */
const WORTH_STARTING_AWAY = 1.2

/** The other node on which a job costs least, whatever it costs here and wherever it came from (`migrate JOB best`). Undefined when none is open to it. */
export function bestNode(input: DecisionInput, job: DecisionJob): LoadEntry | undefined {
  const { cameFrom: _, ...wanted } = job
  const targets = usableNodes(input)
  const scale = costScaleAmong(input, targets)
  return cheapest(scale, targets.filter((node) => isOpenTo(node, wanted)), wanted)
}

/** Whether starting a job elsewhere may be better than here, by the best pace among nodes whose figures are fresh. If not, {@link placeNewJob} gives none. */
export function mayStartAway(own: DecisionInput['own'], job: Pick<DecisionJob, 'rssKiB'>, bestPace: number): boolean {
  return !hasRoom(own, job.rssKiB) || bestPace >= processSpeed(own, loadWith(own, { runnable: 1, rssKiB: job.rssKiB })) * WORTH_STARTING_AWAY
}

/**
 * The node on which a job that is about to start costs least (`mosrun -j auto`): moving nothing is the cheapest move. Undefined when
 * no other node is better than this one; `input.own.load` must be the load of this moment.
 */
export function placeNewJob(input: DecisionInput, job: Pick<DecisionJob, 'rssKiB' | 'mask' | 'cpuClass'>): LoadEntry | undefined {
  if (input.rules.quiet || input.rules.stay || input.rules.lstay) return undefined
  const demand: DecisionJob = { ...job, id: '', home: input.node, runnable: 1, ageMs: 0, residentMs: 0, lastFreezeMs: 0, locked: false }
  const targets = usableNodes(input)
  const scale = costScaleAmong(input, targets)
  const fitsHere = hasRoom(input.own, job.rssKiB)
  const speedHere = processSpeed(input.own, loadWith(input.own, demand))
  let best: LoadEntry | undefined
  let bestCost = fitsHere ? marginalCost(scale, input.own, demand) / WORTH_STARTING_AWAY : Infinity
  for (const node of targets) {
    if (!isOpenTo(node, demand)) continue
    if (fitsHere && processSpeed(node, loadWith(node, demand)) < speedHere * WORTH_STARTING_AWAY) continue
    const cost = marginalCost(scale, node, demand)
    if (cost >= bestCost) continue
    best = node
    bestCost = cost
  }
  return best
}
