import { needsOf, type Step } from './step.ts'

/** All given steps and the ones they need, for these kernels, each after everything it needs. Throws when steps need each other in a circle. */
export function inOrder(steps: readonly Step[], kernels: readonly string[] = []): Step[] {
  const order = new Set<Step>()
  const visit = (step: Step, path: readonly Step[]): void => {
    if (path.includes(step)) throw new Error(`steps need each other: ${[...path, step].map(({ id }) => id).join(' -> ')}`)
    if (order.has(step)) return
    for (const needed of needsOf(step, kernels)) visit(needed, [...path, step])
    order.add(step)
  }
  for (const step of steps) visit(step, [])
  return [...order]
}

/**
 * How long the chain of steps from each one to the end of the build takes, in the unit of `seconds`. Of the steps that may start,
 * the one with the longest chain goes first, so that the longest of all is never kept waiting.
 */
export function chainSeconds(steps: readonly Step[], seconds: (step: Step) => number, kernels: readonly string[] = []): Map<Step, number> {
  const chains = new Map<Step, number>()
  for (const step of inOrder(steps, kernels).toReversed()) {
    const after = Math.max(0, ...steps.filter((other) => needsOf(other, kernels).includes(step)).map((user) => chains.get(user) ?? 0))
    chains.set(step, after + seconds(step))
  }
  return chains
}

/** Steps whose needs are all met, longest chain first. */
export function readySteps(waiting: Iterable<Step>, done: ReadonlySet<Step>, chains: ReadonlyMap<Step, number>, kernels: readonly string[] = []): Step[] {
  return [...waiting].filter((step) => needsOf(step, kernels).every((need) => done.has(need)))
    .toSorted((a, b) => (chains.get(b) ?? 0) - (chains.get(a) ?? 0))
}
