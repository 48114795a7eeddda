import * as cache from '../pipeline/cache.ts'
import { changedInputs } from '../pipeline/reasons.ts'
import { allInputs } from '../pipeline/results.ts'
import type { Build } from '../pipeline/build.ts'
import { needsOf, type Step } from '../pipeline/step.ts'

/** What the cache will do for one step. */
export interface StepForecast {
  id: string
  title: string
  /** cached: it will serve; runs: it cannot; depends: that is decided by what a step before it makes. */
  state: 'cached' | 'runs' | 'depends'
  /** Why it cannot serve, one sentence each; empty for `cached`. */
  reasons: string[]
  /** How long the step took the last time, undefined when it never ran here. */
  lastSeconds: number | undefined
}

/** Looks through all steps, in an order in which needs come first, without making anything. */
export async function forecast(build: Build, steps: readonly Step[]): Promise<StepForecast[]> {
  const digests = new Map<Step, string>()
  const forecasts: StepForecast[] = []
  for (const step of steps) forecasts.push(await forecastStep(build, step, digests))
  return forecasts
}

async function forecastStep(build: Build, step: Step, digests: Map<Step, string>): Promise<StepForecast> {
  const { id, title } = step
  const folder = build.paths.cache
  const latest = await cache.latestEntry(folder, id)
  const unknown = needsOf(step, build.kernels).filter((need) => !digests.has(need))
  // What is not known yet is taken to be as it was, to see whether there are other reasons.
  const inputs = await allInputs(build, step, (need) => digests.get(need) ?? latest?.inputs[`result ${need.id}`] ?? '')
  const entry = unknown.length === 0 ? await cache.readEntry(folder, id, cache.inputsHash(id, inputs)) : undefined
  const lastSeconds = latest?.seconds
  if (entry) {
    digests.set(step, entry.digest)
    return { id, title, state: 'cached', reasons: [], lastSeconds }
  }
  const reasons = latest === undefined ? ['it was never made here'] : changedInputs(latest.inputs, inputs)
  if (unknown.length === 0 || reasons.length > 0) return { id, title, state: 'runs', reasons, lastSeconds }
  return { id, title, state: 'depends', reasons: [`if ${unknown.map((need) => need.id).join(', ')} give something new`], lastSeconds }
}
