import { Command } from 'commander'
import { ensureTools } from '../doctor/ensure-tools.ts'
import { plumpVersion } from '../version.ts'
import { registerBench } from './bench.ts'
import { registerBuild } from './build.ts'
import { registerClean } from './clean.ts'
import { registerDoctor } from './doctor.ts'
import { registerFlash } from './flash.ts'
import { registerKey } from './key.ts'
import { registerInspect } from './inspect.ts'
import { registerKernel } from './kernel.ts'
import { registerLab } from './lab.ts'
import { registerPackage } from './package.ts'
import { registerPlan } from './plan.ts'
import { registerReference } from './reference.ts'
import { registerServe } from './serve.ts'
import { registerSim } from './sim.ts'
import { registerSummary } from './summary.ts'
import { registerTest } from './test.ts'

/** Verbs of the lab that start machines; the others need no tools that were not there before. */
const STARTING = ['up', 'add']

/** The whole of `./plump`: verbs, arguments and help. docs/reference/cli.md is generated from it. */
export function createProgram(): Command {
  const program = new Command('./plump')
    .description('Makes the ISO that turns PCs into nodes of one cluster, and tries it in a virtual lab.')
    .version(plumpVersion())
    .showSuggestionAfterError()
    // Whatever follows a verb of the lab belongs to it: `lab exec 1 -- showmap --json`.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(usageError(text)) })
  registerBuild(program)
  registerPlan(program)
  registerSummary(program)
  registerKernel(program)
  registerInspect(program)
  registerDoctor(program)
  registerLab(program)
  registerTest(program)
  registerSim(program)
  registerBench(program)
  registerFlash(program)
  registerServe(program)
  registerKey(program)
  registerPackage(program)
  registerReference(program)
  registerClean(program)
  program.hook('preAction', async (_, action) => {
    if (action.parent?.name() === 'lab' && STARTING.includes(action.name())) await ensureTools('lab')
  })
  return program
}

/** commander's complaint in the form of every other error: what is wrong, and the fix, which is its suggestion if it has one. */
export function usageError(text: string): string {
  const [first = '', ...rest] = text.trim().split('\n')
  const suggestion = /Did you mean (.*)\?\)/.exec(rest.join(' '))?.[1]
  return `error[USAGE]: ${first.replace(/^error: /, '')}\n  fix: ${suggestion === undefined ? './plump help' : `did you mean ${suggestion}?`}\n`
}
