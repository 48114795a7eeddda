import type { Workload } from './workload.ts'

/** What happens to the cluster besides jobs, at a moment of simulated time. */
export type Incident =
  | { atSeconds: number; what: 'crash'; share: number }
  | { atSeconds: number; what: 'join'; share: number }
  | { atSeconds: number; what: 'leave'; share: number }
  | { atSeconds: number; what: 'split' }
  | { atSeconds: number; what: 'heal' }

export interface Scenario {
  name: string
  nodes: number
  seconds: number
  workload: Workload
  /** Each node draws one of these. */
  speeds: readonly number[]
  cpus: readonly number[]
  memoriesMiB: readonly number[]
  network: {
    /** Share of datagrams that are lost. */
    loss: number
    /** A datagram's way takes up to this long. */
    delayMs: number
    transferKiBps: number
  }
  /** How far clocks go wrong: rates from 1 - drift to 1 + drift, and any offset. */
  clockDrift: number
  incidents: readonly Incident[]
}

/** PCs of some years: 2 or 4 CPUs, the newest 1.75 times as fast as the oldest, 2 to 8 GiB. */
const MIXED = { speeds: [8_000, 10_000, 12_000, 14_000], cpus: [2, 2, 4], memoriesMiB: [2_048, 4_096, 8_192] } as const

const WORKLOAD: Workload = {
  utilisation: 0.75, shortestSeconds: 2, longestSeconds: 2_000, smallestKiB: 40 * 1024, largestKiB: 1_000 * 1024, batchShare: 0.1, largestBatch: 40, homeShare: 1,
}

const CALM = { network: { loss: 0, delayMs: 5, transferKiBps: 100_000 }, clockDrift: 0, incidents: [] } as const

/** Scenarios by name; `nodes` and `seconds` are defaults that `./plump sim` may change. */
export const SCENARIOS: Readonly<Record<string, Omit<Scenario, 'name'>>> = {
  /** Users at every node, mixed machines. */
  everyday: { nodes: 10, seconds: 3_600, workload: WORKLOAD, ...MIXED, ...CALM },
  /** As everyday with memory for all: what is compared is CPUs alone, since no policy lets a node swap. */
  roomy: { nodes: 10, seconds: 3_600, workload: WORKLOAD, ...MIXED, memoriesMiB: [65_536], ...CALM },
  /** A tenth of the nodes is where everybody logs in. */
  headnodes: { nodes: 100, seconds: 3_600, workload: { ...WORKLOAD, homeShare: 0.1 }, ...MIXED, ...CALM },
  /** The seed's own trial: equal nodes, CPU jobs in batches. */
  equal: { nodes: 10, seconds: 3_600, workload: { ...WORKLOAD, batchShare: 0.3 }, speeds: [10_000], cpus: [1], memoriesMiB: [2_048], ...CALM },
  /** A tenth of the nodes dies in the middle. */
  crash: { nodes: 100, seconds: 1_800, workload: WORKLOAD, ...MIXED, ...CALM, incidents: [{ atSeconds: 900, what: 'crash', share: 0.1 }] },
  /** Everything goes wrong at once: loss, delay, clocks, a split, nodes that come, go and die. */
  storm: {
    nodes: 60, seconds: 1_800, workload: WORKLOAD, ...MIXED,
    network: { loss: 0.2, delayMs: 1_500, transferKiBps: 20_000 }, clockDrift: 0.02,
    incidents: [
      { atSeconds: 300, what: 'crash', share: 0.1 }, { atSeconds: 500, what: 'join', share: 0.1 }, { atSeconds: 700, what: 'split' },
      { atSeconds: 1_000, what: 'heal' }, { atSeconds: 1_200, what: 'leave', share: 0.1 }, { atSeconds: 1_400, what: 'join', share: 0.1 },
    ],
  },
}
