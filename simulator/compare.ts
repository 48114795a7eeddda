import * as z from 'zod'
import { seededRandom } from '../agent/balance/random.ts'
import { perfectSharing } from './bound.ts'
import { reportSchema } from './metrics.ts'
import { ClusterRun, POLICIES } from './run.ts'
import type { Policy } from './run.ts'
import type { Scenario } from './scenario.ts'
import { drawArrivals } from './workload.ts'

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
  const { nodes } = new ClusterRun(scenario, 'none', seed)
  const capacity = nodes.reduce((sum, node) => sum + node.cpus * node.speed / 10_000, 0)
  const untilMs = scenario.seconds * 1_000
  const arrivals = drawArrivals(scenario.workload, capacity, untilMs, seededRandom(seed ^ 0x5eed))
  return perfectSharing(arrivals, capacity, Math.max(...scenario.speeds) / 10_000, untilMs)
}
