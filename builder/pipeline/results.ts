import { join } from 'node:path'
import { PlumpError } from '../errors.ts'
import * as cache from './cache.ts'
import { codeInputs } from './code-hash.ts'
import { changedInputs, summarizeReasons } from './reasons.ts'
import type { Build } from './build.ts'
import { needsOf, type Inputs, type Step, type StepWork } from './step.ts'

export interface StepResult {
  step: Step
  /** The name of the result in the cache. */
  hash: string
  /** SHA-256 over the result's contents. */
  digest: string
  folder: string
  inputs: Inputs
  /** How long making it took, now or when it was made. */
  seconds: number
  cached: boolean
}

/** Finds or makes the results of one build's steps. */
export class Results {
  readonly #build: Build
  readonly #useCache: boolean
  readonly #results = new Map<Step, StepResult>()
  /** Results whose contents are known to be what their entry says. */
  readonly #verified = new Map<Step, Promise<void>>()

  constructor(build: Build, useCache: boolean) {
    this.#build = build
    this.#useCache = useCache
  }

  /** All results there are, in the order in which they came to be. */
  all(): StepResult[] {
    return [...this.#results.values()]
  }

  /** The result of a step, whose needs must have theirs. */
  async get(step: Step): Promise<StepResult> {
    const needs = needsOf(step, this.#build.kernels)
    for (;;) {
      const inputs = await allInputs(this.#build, step, (need) => this.#known(need).digest)
      const hash = cache.inputsHash(step.id, inputs)
      const entry = this.#useCache ? await cache.readEntry(this.#build.paths.cache, step.id, hash) : undefined
      if (entry) return this.#reuse(step, hash, entry)
      const before = needs.map((need) => this.#known(need).digest)
      await Promise.all(needs.map((need) => this.#verify(need)))
      const unchanged = needs.every((need, index) => this.#known(need).digest === before[index])
      if (unchanged) return this.#make(step, hash, inputs)
    }
  }

  /** Makes sure that the contents of a result are what its entry says; a spoilt one is thrown away and made again. */
  async verified(step: Step): Promise<StepResult> {
    await this.#verify(step)
    return this.#known(step)
  }

  #verify(step: Step): Promise<void> {
    const known = this.#verified.get(step)
    if (known) return known
    const verification = this.#verifyNow(step)
    this.#verified.set(step, verification)
    return verification
  }

  async #verifyNow(step: Step): Promise<void> {
    const { hash, digest, inputs, seconds } = this.#known(step)
    if (await cache.isIntact(this.#build.paths.cache, step.id, hash, { digest, inputs, seconds })) return
    this.#build.emit({ type: 'warning', step: step.id, message: `the cached result of ${step.id} is damaged; it is made again` })
    await cache.discardEntry(this.#build.paths.cache, step.id, hash)
    await Promise.all(needsOf(step, this.#build.kernels).map((need) => this.#verify(need)))
    await this.#make(step, hash, inputs, 'the cached result was damaged')
  }

  async #reuse(step: Step, hash: string, entry: cache.CacheEntry): Promise<StepResult> {
    await cache.touchEntry(this.#build.paths.cache, step.id, hash)
    const result = this.#remember(step, hash, entry, true)
    this.#build.emit({ type: 'step-done', step: step.id, seconds: 0, cached: true })
    return result
  }

  async #make(step: Step, hash: string, inputs: Inputs, why?: string): Promise<StepResult> {
    const build = this.#build
    build.emit({ type: 'step-started', step: step.id, why: why ?? (await this.#whyNow(step, inputs)) })
    const startedMs = performance.now()
    const work = await cache.makeWorkFolder(build.paths.cache, step.id)
    try {
      await step.run(this.#stepWork(step, join(work, 'out')))
      build.signal.throwIfAborted()
      const seconds = Math.round(performance.now() - startedMs) / 1000
      const entry = await cache.storeResult(build.paths.cache, step.id, hash, work, { inputs, seconds })
      await cache.pruneEntries(build.paths.cache, step.id)
      const result = this.#remember(step, hash, entry, false)
      this.#verified.set(step, Promise.resolve())
      build.emit({ type: 'step-done', step: step.id, seconds, cached: false })
      return result
    } catch (thrown) {
      await cache.removeWorkFolder(work)
      const error = noSpace(thrown, build.paths.cache) ?? thrown
      build.emit({ type: 'step-failed', step: step.id, code: error instanceof PlumpError ? error.code : 'BUG', message: String((error as Error).message) })
      throw error
    }
  }

  async #whyNow(step: Step, inputs: Inputs): Promise<string> {
    if (!this.#useCache) return 'the cache is not used'
    const latest = await cache.latestEntry(this.#build.paths.cache, step.id)
    return latest === undefined ? 'not in the cache' : summarizeReasons(changedInputs(latest.inputs, inputs))
  }

  #stepWork(step: Step, out: string): StepWork {
    const { emit, kernels } = this.#build
    const needs = needsOf(step, kernels)
    return {
      build: this.#build,
      out,
      result: (needed) => {
        if (!needs.includes(needed)) throw new Error(`step ${step.id} uses the result of ${needed.id} without needing it`)
        return this.#known(needed).folder
      },
      progress: (text, done, total) => emit({
        type: 'step-progress', step: step.id, text, ...(done === undefined ? {} : { done }), ...(total === undefined ? {} : { total }),
      }),
      warn: (message) => emit({ type: 'warning', step: step.id, message }),
    }
  }

  #remember(step: Step, hash: string, entry: cache.CacheEntry, cached: boolean): StepResult {
    const folder = cache.resultFolder(this.#build.paths.cache, step.id, hash)
    const result: StepResult = { step, hash, folder, cached, ...entry }
    this.#results.set(step, result)
    return result
  }

  #known(step: Step): StepResult {
    const result = this.#results.get(step)
    if (!result) throw new Error(`step ${step.id} has no result yet`)
    return result
  }
}

function noSpace(error: unknown, folder: string): PlumpError | undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') return undefined
  return new PlumpError('NO_SPACE', `no space left in ${folder}; a build needs about 1.5 GB there`, { fix: 'free some disk space (df -h); ./plump clean removes old results', cause: error })
}

/** Everything that can change a step's result: what it says itself, its code, and the contents of what it needs. */
export async function allInputs(build: Build, step: Step, digestOf: (need: Step) => string): Promise<Inputs> {
  const [own, code] = await Promise.all([step.inputs(build), codeInputs(step.codeUrl, build.paths.project)])
  return { ...own, ...code, ...Object.fromEntries(needsOf(step, build.kernels).map((need) => [`result ${need.id}`, digestOf(need)])) }
}
