import type { Judgement, StayReason, Weighing } from '../../schema/decision.ts'
import type { NodeId } from '../../schema/node-state.ts'

/** A judgement as a sentence, for `plump why` and the log. */
export function explain(judgement: Judgement, here: NodeId): string {
  const { weighing } = judgement
  if (judgement.verdict === 'move') return `goes to ${judgement.weighing.target}${judgement.cause === 'memory' ? ' because memory is short here' : ''}: ${figures(judgement.weighing, here)}`
  const why = STAY_TEXTS[judgement.why].replace('%', judgement.detail ?? '')
  if (weighing === undefined) return `stays: ${why}`
  const worth = judgement.why === 'not-worth-it' ? `; that saves ${cost(weighing.saving)} and costs ${cost(weighing.marginalCost)} there (which counts 1.3 times) and ${cost(weighing.moveCost)} for the move` : ''
  return `stays: ${why}: ${figures(weighing, here)}${worth}`
}

/** "2780 would drop from 2.1 to 1.4, 2638 rise from 0.3 to 0.9; the move costs 0.6 s" */
function figures({ target, loadHere, loadHereAfter, loadThere, loadThereAfter, moveMs }: Weighing, here: NodeId): string {
  return `${here} would drop from ${load(loadHere)} to ${load(loadHereAfter)}, ${target} rise from ${load(loadThere)} to ${load(loadThereAfter)}; the move costs ${(moveMs / 1_000).toFixed(1)} s`
}

/** `%` stands for the detail. */
const STAY_TEXTS: Readonly<Record<StayReason, string>> = {
  'quiet': 'this node is quiet (mosctl noquiet ends it)',
  'stay': 'no job leaves this node by itself (mosctl stay, or its place in the pool)',
  'lstay': 'jobs whose home is here stay (mosctl nolstay ends it)',
  'leaving': 'another job is leaving this node, and one goes at a time',
  'backoff': 'the last node that was asked refused; this one waits another %',
  'cantmove': 'it cannot be moved: %',
  'locked': 'somebody locked it to this node',
  'resident': 'it has not been here long enough, for another %',
  'idle': 'it uses no CPU to speak of, so another node has nothing to offer',
  'no-nodes': 'no other node that takes guests has told of its load lately',
  'no-target': 'no node that it may run on has room for it',
  'no-gain': 'it would run no faster on any node known',
  'not-worth-it': 'the best place is not enough better',
  'another-first': 'job % goes first, and one goes at a time',
}

function load(value: number): string {
  return value.toFixed(1)
}

function cost(value: number): string {
  return value < 10 ? value.toFixed(2) : value.toFixed(0)
}
