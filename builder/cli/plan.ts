import type { Command } from 'commander'
import { ensureTools } from '../doctor/ensure-tools.ts'
import { interruption } from '../os/interruption.ts'
import { openBuild } from '../pipeline/open-build.ts'
import { describePlan } from '../plan/describe.ts'
import { makePlan } from '../plan/plan.ts'
import { chooseListener } from './listener.ts'

interface Options {
  config?: string
  fast?: boolean
  refresh?: boolean
  json?: boolean
}

export function registerPlan(program: Command): void {
  program.command('plan')
    .description('Tell what would be built: packages, modules, firmware, size by cause, and what the cache will give and why not.')
    .option('--fast', 'as for build')
    .option('--config <file>', 'use this file instead of plump.yaml')
    .option('--refresh', 'ask the mirror for newer packages even when its lists are fresh')
    .option('--json', 'print the plan as JSON')
    .action(plan)
}

async function plan(options: Options): Promise<void> {
  const signal = interruption()
  const listener = chooseListener({ json: false, verbose: false })
  await ensureTools('build', { signal })
  const build = await openBuild({
    ...(options.config === undefined ? {} : { configFile: options.config }),
    fast: options.fast ?? false, refresh: options.refresh ?? false, signal, emit: (event) => listener.emit(event),
  })
  try {
    const made = await makePlan(build)
    await listener.end()
    process.stdout.write(options.json ? `${JSON.stringify(made, undefined, 2)}\n` : describePlan(made))
  } finally {
    await listener.end()
  }
}
