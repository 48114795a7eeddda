import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../agent/balance/random.ts'
import { perfectSharing } from '../../simulator/bound.ts'
import { comparisonChart } from '../../simulator/chart.ts'
import { compare, comparisonSchema } from '../../simulator/compare.ts'
import { goalsOf, recoverySeconds } from '../../simulator/goals.ts'
import { ClusterRun, POLICIES } from '../../simulator/run.ts'
import { SCENARIOS } from '../../simulator/scenario.ts'
import type { Scenario } from '../../simulator/scenario.ts'
import { comparisonTable } from '../../simulator/table.ts'
import { advance, go, halt, putOn, remainingOf, takeOff } from '../../simulator/world.ts'
import type { SimJob } from '../../simulator/world.ts'
import { drawArrivals, heavyTailed, heavyTailedMean } from '../../simulator/workload.ts'

function scenario(name: string, changes: Partial<Scenario> = {}): Scenario {
  const known = SCENARIOS[name]
  if (known === undefined) throw new Error(`no scenario ${name}`)
  return { ...known, name, ...changes }
}

describe('the workload', () => {
  test('is as much as asked for, whatever its tail', () => {
    const { workload } = scenario('everyday')
    const arrivals = drawArrivals(workload, 1_000, 600_000, seededRandom(5))
    let demand = 0
    for (const { demandSeconds } of arrivals) demand += demandSeconds
    expect(demand / (1_000 * 600)).toBeGreaterThan(workload.utilisation * 0.9)
    expect(demand / (1_000 * 600)).toBeLessThan(workload.utilisation * 1.1)
  })

  test('half of the jobs are shorter than twice the shortest', () => {
    const random = seededRandom(1)
    const draws = Array.from({ length: 10_000 }, () => heavyTailed(random, 2, 2_000))
    expect(draws.filter((draw) => draw < 4).length / 10_000).toBeCloseTo(0.5, 1)
    expect(Math.max(...draws)).toBeLessThanOrEqual(2_000)
    expect(heavyTailedMean(2, 2_000)).toBeCloseTo(13.8, 1)
  })
})

test('the bound: two jobs on one CPU take turns, a late one joins in', () => {
  const jobs = [{ atMs: 0, homeDraw: 0, demandSeconds: 10, rssKiB: 0 }, { atMs: 0, homeDraw: 0, demandSeconds: 10, rssKiB: 0 }]
  expect(perfectSharing(jobs, 1, 1, 60_000).average).toBeCloseTo(2)
  expect(perfectSharing(jobs, 8, 2, 60_000).average).toBeCloseTo(0.5)
})

describe('a simulated node', () => {
  const job = (id: string, remaining: number): SimJob => ({
    id, home: 0, demandSeconds: remaining, remaining, endsAt: 0, rssKiB: 0, bornMs: 0, node: 0, since: 0, lastFreezeMs: 0, moves: 0, leftNode: -1, leftMs: 0, state: 'frozen',
  })

  test('shares its CPU among the jobs that run, and tells to the millisecond when each is done', () => {
    const [node] = new ClusterRun(scenario('equal', { nodes: 1 }), 'none', 1).nodes
    if (node === undefined) throw new Error('a cluster without nodes')
    const jobs = [job('short', 1), job('long', 3), job('stands', 2)]
    for (const each of jobs) putOn(node, each)
    for (const each of jobs) go(node, each)
    const ends: [string, number][] = []
    const until = (ms: number): void => advance(node, ms, ({ id }, atMs) => ends.push([id, Math.round(atMs)]))
    until(1_500)
    const [, , stands] = jobs as [SimJob, SimJob, SimJob]
    halt(node, stands, 'frozen')
    until(10_000)
    expect(ends).toEqual([['short', 2_500], ['long', 4_500]])
    expect(remainingOf(node, stands)).toBeCloseTo(1.5)
    expect(() => { go(node, stands); takeOff(node, stands) }).toThrow('runs there')
    until(20_000)
    expect(ends.at(-1)).toEqual(['stands', 11_500])
    expect([node.running, node.jobs.length, node.nextEnd]).toEqual([0, 0, Infinity])
  })
})

describe('a simulated cluster', () => {
  test('gives the same figures for the same seed, others for another', () => {
    const short = scenario('everyday', { seconds: 300 })
    const [first, second] = [new ClusterRun(short, 'ours', 4).run(), new ClusterRun(short, 'ours', 4).run()]
    expect(second).toEqual(first)
    expect(new ClusterRun(short, 'ours', 5).run()).not.toEqual(first)
  })

  test('ours reaches its goals on 10 nodes for an hour', () => {
    const comparison = compare(scenario('everyday'), ['round-robin', 'greedy', 'ours'], 1, () => undefined)
    expect(goalsOf(comparison).filter(({ reached }) => !reached)).toEqual([])
    expect(goalsOf(comparison)).toHaveLength(4)
    expect(comparisonSchema.safeParse(comparison).success).toBe(true)
    expect(comparisonTable(comparison)).toMatch(/^everyday: 10 nodes, 3600 s, seed 1\npolicy .*\nround-robin .*\ngreedy .*\nours .*\nbound /s)
    expect(comparisonChart(comparison)).toMatch(/^<svg .*<\/svg>$/s)
  })

  test('ours reaches its goals on 100 nodes', () => {
    const comparison = compare(scenario('everyday', { nodes: 100, seconds: 900 }), ['round-robin', 'greedy', 'ours'], 1, () => undefined)
    expect(goalsOf(comparison).filter(({ reached }) => !reached)).toEqual([])
  })

  test('ours reaches its goals where no policy lets a node swap', () => {
    const comparison = compare(scenario('roomy'), ['round-robin', 'greedy', 'ours'], 1, () => undefined)
    expect(goalsOf(comparison).filter(({ reached }) => !reached)).toEqual([])
  })

  test('is balanced again soon after a tenth of the nodes died', () => {
    const { imbalance } = new ClusterRun(scenario('crash', { seconds: 1_000 }), 'ours', 1).run()
    expect(recoverySeconds(imbalance, 900)).toBeLessThanOrEqual(60)
  })

  test.each([1, 2, 3])('keeps every invariant in a storm of losses, splits, joins and deaths (seed %i)', (seed) => {
    const storm = scenario('storm', { nodes: 30, seconds: 1_500 })
    for (const policy of POLICIES) {
      const report = new ClusterRun(storm, policy, seed).run()
      expect(report.jobs).toBeGreaterThan(1_000)
      expect(report.finished + report.lost).toBeLessThanOrEqual(report.jobs)
    }
  })

  test('recovery is told from the imbalance, and never when it stays', () => {
    const calm = Array.from({ length: 100 }, () => 0.02)
    expect(recoverySeconds([...calm, 0.3, 0.3, 0.3, 0.2, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01], 100)).toBe(4)
    expect(recoverySeconds([...calm, ...Array.from({ length: 90 }, () => 0.3)], 100)).toBeUndefined()
  })
})

test('./plump sim offers the scenarios and policies that there are', async () => {
  const { createProgram } = await import('../../builder/cli/program.ts')
  const options = createProgram().commands.find((command) => command.name() === 'sim')?.options ?? []
  const choices = (name: string): readonly string[] | undefined => options.find((option) => option.long === name)?.argChoices
  expect(choices('--scenario')).toEqual(Object.keys(SCENARIOS))
  expect(choices('--policies')).toEqual([...POLICIES])
})
