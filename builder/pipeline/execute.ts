import { availableParallelism } from 'node:os'
import { EXIT, PlumpError } from '../errors.ts'
import { latestEntry } from './cache.ts'
import { chainSeconds, inOrder, readySteps } from './schedule.ts'
import { Results } from './results.ts'
import type { Build } from './build.ts'
import type { Step } from './step.ts'

/** One more than there are cores: some step always waits for the disk or the network. */
const STEPS_AT_ONCE = availableParallelism() + 1

/**
 * Brings every step's result into being, from the cache where it can serve, and gives them by step. Independent steps run in
 * parallel. The first failure stops the programs of all others; nothing but finished results stays behind.
 */
export async function execute(build: Build, targets: readonly Step[], options: { useCache: boolean }): Promise<Results> {
  const { kernels } = build
  const steps = inOrder(targets, kernels)
  build.emit({ type: 'build-started', steps: steps.map(({ id, title }) => ({ id, title })) })
  const failure = new AbortController()
  const guarded: Build = { ...build, signal: AbortSignal.any([build.signal, failure.signal]) }
  const results = new Results(guarded, options.useCache)
  const chains = chainSeconds(steps, await expectedSeconds(build, steps), kernels)
  const waiting = new Set(steps)
  const running = new Set<Promise<void>>()
  const done = new Set<Step>()
  let firstError: { error: unknown } | undefined

  const start = (step: Step): void => {
    waiting.delete(step)
    const work = results.get(step)
      .then(() => void done.add(step))
      .catch((error: unknown) => {
        firstError ??= { error }
        failure.abort()
      })
      .finally(() => running.delete(work))
    running.add(work)
  }

  while (waiting.size + running.size > 0) {
    if (firstError || build.signal.aborted) waiting.clear()
    for (const step of readySteps(waiting, done, chains, kernels)) {
      if (running.size < STEPS_AT_ONCE) start(step)
    }
    if (running.size > 0) await Promise.race(running)
  }
  throwIfInterrupted(build)
  if (firstError) throw firstError.error
  return results
}

/** Throws INTERRUPTED once the build's signal has fired, whatever error the stopped programs gave. */
export function throwIfInterrupted(build: Build): void {
  if (!build.signal.aborted) return
  throw new PlumpError('INTERRUPTED', 'the build was interrupted', {
    fix: './plump build goes on where it stopped: finished steps are kept', exitCode: EXIT.interrupted,
  })
}

async function expectedSeconds(build: Build, steps: readonly Step[]): Promise<(step: Step) => number> {
  const last = new Map(await Promise.all(steps.map(async (step) => [step, (await latestEntry(build.paths.cache, step.id))?.seconds ?? 1] as const)))
  return (step) => last.get(step) ?? 1
}
