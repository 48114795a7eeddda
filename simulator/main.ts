import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { comparisonChart } from './chart.ts'
import { compare } from './compare.ts'
import type { Comparison, Progress } from './compare.ts'
import { goalsOf, recoveryGoal } from './goals.ts'
import type { Goal } from './goals.ts'
import { POLICIES } from './run.ts'
import type { Policy } from './run.ts'
import { SCENARIOS } from './scenario.ts'
import type { Scenario } from './scenario.ts'
import { comparisonTable } from './table.ts'

/**
 * `./plump sim` starts this as a program of its own (builder/cli/sim.ts checks the command line): simulated clusters run the
 * nodes' own balancing code. Exit code 4 when a goal is missed.
 */
const MISSED = 4

function main(): void {
  const { values } = parseArgs({ options: {
    scenario: { type: 'string' }, nodes: { type: 'string' }, seconds: { type: 'string' }, seed: { type: 'string', default: '1' },
    policies: { type: 'string', default: POLICIES.join(',') }, suite: { type: 'boolean' }, json: { type: 'boolean' }, svg: { type: 'string' },
  } })
  const seed = Number(values.seed)
  const policies = values.policies.split(',') as Policy[]
  const scenarios = values.suite === true ? suite() : [chosen(values.scenario ?? 'everyday', values.nodes, values.seconds)]
  const comparisons: Comparison[] = []
  const goals: Goal[] = []
  for (const scenario of scenarios) {
    const comparison = compare(scenario, policies, seed, showProgress)
    comparisons.push(comparison)
    const reached = goalsFor(scenario, comparison)
    goals.push(...reached)
    if (values.json !== true) process.stdout.write(`${comparisonTable(comparison)}\n${reached.map(goalLine).join('')}\n`)
  }
  if (values.json === true) process.stdout.write(`${JSON.stringify(comparisons, undefined, 1)}\n`)
  if (values.svg !== undefined && comparisons[0] !== undefined) writeFileSync(values.svg, comparisonChart(comparisons[0]))
  if (values.suite === true && goals.some(({ reached }) => !reached)) process.exitCode = MISSED
}

function chosen(name: string, nodes: string | undefined, seconds: string | undefined): Scenario {
  const scenario = SCENARIOS[name]
  if (scenario === undefined) throw new Error(`no scenario ${name}`)
  return { ...scenario, name, nodes: Number(nodes ?? scenario.nodes), seconds: Number(seconds ?? scenario.seconds) }
}

/** The long run: every size there is a goal for, then what goes wrong. */
function suite(): Scenario[] {
  const sizes: [string, number, number][] = [
    ['everyday', 10, 14_400], ['everyday', 100, 3_600], ['everyday', 1_000, 3_600],
    ['roomy', 10, 14_400], ['roomy', 100, 3_600], ['roomy', 1_000, 3_600], ['headnodes', 100, 3_600], ['equal', 10, 14_400], ['crash', 100, 1_800], ['storm', 60, 1_800],
    ['everyday', 10_000, 3_600],
  ]
  return sizes.map(([name, nodes, seconds]) => chosen(name, String(nodes), String(seconds)))
}

/** Goals are set for the everyday cluster, with memory that runs out and with plenty; what goes wrong elsewhere has the invariants and, after deaths, the time to recover. */
function goalsFor(scenario: Scenario, comparison: Comparison): Goal[] {
  if (scenario.name === 'everyday' || scenario.name === 'roomy') return goalsOf(comparison)
  const crash = scenario.incidents.length === 1 ? scenario.incidents.find(({ what }) => what === 'crash') : undefined
  const ours = comparison.policies.find(({ policy }) => policy === 'ours')
  return crash === undefined || ours === undefined ? [] : [recoveryGoal(ours.report.imbalance, crash.atSeconds)]
}

function goalLine({ what, reached }: Goal): string {
  return `${reached ? 'reached' : 'MISSED '}  ${what}\n`
}

function showProgress({ policy, second, of }: Progress): void {
  if (process.stderr.isTTY && second % 60 === 0) process.stderr.write(`\r${policy}: ${second} of ${of} s \x1b[K${second === of ? '\n' : ''}`)
}

main()
