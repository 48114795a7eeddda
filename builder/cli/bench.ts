import type { Command } from 'commander'
import { withBuildFigures } from '../bench/build-figures.ts'
import { measureNode } from '../bench/node-figures.ts'
import { benchTable, type BenchFigures } from '../bench/report.ts'
import { ensureTools } from '../doctor/ensure-tools.ts'
import { interruption } from '../os/interruption.ts'
import { PROJECT_FOLDER } from '../version.ts'

/** `./plump bench`: figures, not assertions; a machine's speed is its own. */
export function registerBench(program: Command): void {
  program.command('bench')
    .description('Measure ISO size, build times and boot times in one run on this machine, beside what Plump means to reach. Takes about 5 minutes.')
    .option('--json', 'print the figures as JSON')
    .action(bench)
}

async function bench({ json }: { json?: boolean }): Promise<void> {
  await ensureTools('build')
  await ensureTools('lab')
  const options = { signal: interruption(), report: (text: string) => void process.stderr.write(`bench: ${text}\n`) }
  const figures: BenchFigures = await withBuildFigures(PROJECT_FOLDER, options, async (build, iso) => ({ build, node: await measureNode(iso, options) }))
  process.stdout.write(json ? `${JSON.stringify(figures, undefined, 2)}\n` : `${benchTable(figures)}\n`)
}
