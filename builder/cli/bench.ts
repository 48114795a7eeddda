import { Argument, type Command } from 'commander'
import { withBuildFigures } from '../bench/build-figures.ts'
import { measureMigration } from '../bench/migration-figures.ts'
import { migrationRows, migrationTable } from '../bench/migration-report.ts'
import { measureNode } from '../bench/node-figures.ts'
import { newestIso } from '../config/newest-iso.ts'
import { benchTable, type BenchFigures } from '../bench/report.ts'
import { ensureTools } from '../doctor/ensure-tools.ts'
import { interruption } from '../os/interruption.ts'
import { PROJECT_FOLDER } from '../version.ts'

/** `./plump bench`: figures, not assertions; a machine's speed is its own. */
export function registerBench(program: Command): void {
  program.command('bench')
    .description('Measure ISO size, build times and boot times in one run on this machine, beside what Plump means to reach. Takes about 5 minutes.')
    .addArgument(new Argument('[what]', 'migration: freeze and total time of moving jobs between two nodes of the newest ISO, beside bare CRIU; takes up to 10 minutes').choices(['migration']))
    .option('--iso <file>', 'the ISO whose nodes move jobs (default: the newest in final/)')
    .option('--json', 'print the figures as JSON')
    .action((what: 'migration' | undefined, options: BenchCliOptions) => (what === 'migration' ? benchMigration(options) : bench(options)))
}

interface BenchCliOptions {
  iso?: string
  json?: boolean
}

async function benchMigration({ iso, json }: BenchCliOptions): Promise<void> {
  await ensureTools('lab')
  const options = { signal: interruption(), report: (text: string) => void process.stderr.write(`bench: ${text}\n`) }
  const figures = await measureMigration(await newestIso(iso), options)
  process.stdout.write(json ? `${JSON.stringify({ ...figures, goals: migrationRows(figures).filter(({ goal }) => goal !== '') }, undefined, 2)}\n` : `${migrationTable(figures)}\n`)
}

async function bench({ json }: BenchCliOptions): Promise<void> {
  await ensureTools('build')
  await ensureTools('lab')
  const options = { signal: interruption(), report: (text: string) => void process.stderr.write(`bench: ${text}\n`) }
  const figures: BenchFigures = await withBuildFigures(PROJECT_FOLDER, options, async (build, iso) => ({ build, node: await measureNode(iso, options) }))
  process.stdout.write(json ? `${JSON.stringify(figures, undefined, 2)}\n` : `${benchTable(figures)}\n`)
}
