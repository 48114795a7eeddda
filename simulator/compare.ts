import * as z from 'zod'
import { perfectSharing } from './bound.ts'
import { reportSchema } from './metrics.ts'
import { ClusterRun, POLICIES } from './run.ts'
import type { Policy } from './run.ts'
import type { Scenario } from './scenario.ts'

/** What `./plump sim --json` prints: one scenario under several policies, with the same machines and jobs. */
export const comparisonSchema = z.object({
  scenario: z.string(),
  nodes: z.int(),
  seconds: z.int(),
  seed: z.int(),
  policies: z.array(z.object({ policy: z.enum(POLICIES), report: reportSchema, wallSeconds: z.number(), peakRssMB: z.number() })),
  /** All jobs share all CPUs perfectly and at no cost. */
  bound: z.object({ average: z.number(), slowdown95: z.number() }),
})
export type Comparison = z.output<typeof comparisonSchema>

export interface Progress {
  policy: Policy
  second: number
  of: number
}

export function compare(scenario: Scenario, policies: readonly Policy[], seed: number, onProgress: (progress: Progress) => void): Comparison {
  const results = policies.map((policy) => {
    const started = performance.now()
    const run = new ClusterRun(scenario, policy, seed)
    const report = run.run((second) => onProgress({ policy, second, of: scenario.seconds }))
    return { policy, report, wallSeconds: (performance.now() - started) / 1_000, peakRssMB: process.resourceUsage().maxRSS / 1_024 }
  })
  return { scenario: scenario.name, nodes: scenario.nodes, seconds: scenario.seconds, seed, policies: results, bound: boundOf(scenario, seed) }
}

function boundOf(scenario: Scenario, seed: number): Comparison['bound'] {
  const cluster = new ClusterRun(scenario, 'none', seed)
  return perfectSharing(cluster.arrivals(), cluster.capacity, Math.max(...scenario.speeds) / 10_000, scenario.seconds * 1_000)
}
