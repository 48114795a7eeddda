import { Argument, Option, type Command } from 'commander'
import { measureBalance } from '../bench/balance-figures.ts'
import { balanceRows, balanceTable } from '../bench/balance-report.ts'
import { withBuildFigures } from '../bench/build-figures.ts'
import { LOAD_SIZES, measureMigration } from '../bench/migration-figures.ts'
import { migrationRows, migrationTable } from '../bench/migration-report.ts'
import { measureNode } from '../bench/node-figures.ts'
import { newestIso } from '../config/newest-iso.ts'
import { benchTable, type BenchFigures } from '../bench/report.ts'
import { ensureTools } from '../doctor/ensure-tools.ts'
import { EXIT, PlumpError } from '../errors.ts'
import { interruption } from '../os/interruption.ts'
import { PROJECT_FOLDER } from '../version.ts'

const WHAT_HELP = 'balance: how soon jobs spread over three nodes of the newest ISO, and how long 24 equal ones take with and without moves; '
  + 'migration: freeze and total time of moving jobs between two nodes, beside bare CRIU; either takes up to an hour in software emulation'

/** Benches of clusters, each with its figures, the rows of its report and the text of it. */
const CLUSTER_BENCHES = {
  async balance(iso: string, options: ClusterBenchOptions) {
    const figures = await measureBalance(iso, options)
    return { figures, rows: balanceRows(figures), table: balanceTable(figures) }
  },
  async migration(iso: string, options: ClusterBenchOptions) {
    const figures = await measureMigration(iso, options)
    return { figures, rows: migrationRows(figures), table: migrationTable(figures) }
  },
}

/** `./plump bench`: figures, not assertions; a machine's speed is its own. */
export function registerBench(program: Command): void {
  program.command('bench')
    .description('Measure ISO size, build times and boot times in one run on this machine, beside what Plump means to reach. Takes about 5 minutes.')
    .addArgument(new Argument('[what]', WHAT_HELP).choices(['balance', 'migration']))
    .option('--iso <file>', 'the ISO of the nodes for balance and migration (default: the newest in final/)')
    .addOption(new Option('--mib <size>', 'for migration: only jobs of this size').choices(LOAD_SIZES.map(String)))
    .option('--json', 'print the figures as JSON')
    .action((what: keyof typeof CLUSTER_BENCHES | undefined, options: BenchCliOptions) => {
      if (options.mib !== undefined && what !== 'migration') throw new PlumpError('USAGE', '--mib is for migration', { fix: `./plump bench migration --mib ${options.mib}`, exitCode: EXIT.usage })
      return what === undefined ? bench(options) : benchCluster(what, options)
    })
}

interface ClusterBenchOptions {
  loadMiB?: number
  signal: AbortSignal
  report: (text: string) => void
}

function report(text: string): void {
  process.stderr.write(`bench: ${text}\n`)
}

interface BenchCliOptions {
  iso?: string
  mib?: string
  json?: boolean
}

async function benchCluster(what: keyof typeof CLUSTER_BENCHES, { iso, mib, json }: BenchCliOptions): Promise<void> {
  await ensureTools('lab')
  const { figures, rows, table } = await CLUSTER_BENCHES[what](await newestIso(iso), { signal: interruption(), report, ...(mib === undefined ? {} : { loadMiB: Number(mib) }) })
  process.stdout.write(json ? `${JSON.stringify({ ...figures, goals: rows.filter(({ goal }) => goal !== '') }, undefined, 2)}\n` : `${table}\n`)
}

async function bench({ json }: BenchCliOptions): Promise<void> {
  await ensureTools('build')
  await ensureTools('lab')
  const options = { signal: interruption(), report }
  const figures: BenchFigures = await withBuildFigures(PROJECT_FOLDER, options, async (build, iso) => ({ build, node: await measureNode(iso, options) }))
  process.stdout.write(json ? `${JSON.stringify(figures, undefined, 2)}\n` : `${benchTable(figures)}\n`)
}
