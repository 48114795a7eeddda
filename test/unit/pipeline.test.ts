import { readdirSync } from 'node:fs'
import { appendFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { execute } from '../../builder/pipeline/execute.ts'
import { takeLock } from '../../builder/pipeline/lock.ts'
import { runBuild } from '../../builder/pipeline/run-build.ts'
import { chainSeconds, inOrder, readySteps } from '../../builder/pipeline/schedule.ts'
import type { Step } from '../../builder/pipeline/step.ts'
import { PlumpError } from '../../builder/errors.ts'
import { temporaryFolder, textOf, textStep, trialBuild } from './pipeline-helpers.ts'

const CACHE = { useCache: true }

/** source -> upper -> shout, with a source that can change. */
function chain(source: { text: string }): Step[] {
  const first = textStep('source', [], () => source.text, () => Promise.resolve(source.text))
  const upper = textStep('upper', [first], () => '', async ({ result }) => (await textOf(result(first))).trim().toUpperCase())
  const shout = textStep('shout', [upper], () => '', async ({ result }) => `${await textOf(result(upper))}!`)
  return [first, upper, shout]
}

test('a second build takes everything from the cache', async () => {
  const { build, ran } = trialBuild()
  const steps = chain({ text: 'a' })
  await execute(build, steps, CACHE)
  expect(ran()).toEqual(['source', 'upper', 'shout'])
  const results = await execute(build, steps, CACHE)
  expect(ran()).toEqual([])
  expect(results.all().map(({ cached }) => cached)).toEqual([true, true, true])
  expect(await textOf(results.all().at(-1)?.folder ?? '')).toBe('A!')
})

test('a changed input reruns its step and, since the result differs, those after it', async () => {
  const { build, ran, events } = trialBuild()
  const source = { text: 'a' }
  const steps = chain(source)
  await execute(build, steps, CACHE)
  ran()
  source.text = 'b'
  await execute(build, steps, CACHE)
  expect(ran()).toEqual(['source', 'upper', 'shout'])
  expect(events).toContainEqual({ type: 'step-started', step: 'source', why: 'input a -> b' })
  expect(events).toContainEqual({ type: 'step-started', step: 'shout', why: 'result of upper changed' })
})

test('a step that runs again with the same result rebuilds nothing after it', async () => {
  const { build, ran } = trialBuild()
  const source = { text: 'a' }
  const steps = chain(source)
  await execute(build, steps, CACHE)
  ran()
  source.text = 'a\n'
  await execute(build, steps, CACHE)
  expect(ran()).toEqual(['source', 'upper'])
})

test('without the cache everything is made again', async () => {
  const { build, ran } = trialBuild()
  await execute(build, chain({ text: 'a' }), CACHE)
  ran()
  await execute(build, chain({ text: 'a' }), { useCache: false })
  expect(ran()).toEqual(['source', 'upper', 'shout'])
})

test('a damaged result is noticed before a step uses it, said so, and made again', async () => {
  const { build, ran, events } = trialBuild()
  const first = textStep('source', [], () => '', () => Promise.resolve('good'))
  let version = '1'
  const copy = textStep('copy', [first], () => version, ({ result }) => textOf(result(first)))
  const before = (await execute(build, [copy], CACHE)).all()
  ran()
  await appendFile(join(before[0]?.folder ?? '', 'text'), ' but spoilt')
  version = '2'
  const after = (await execute(build, [copy], CACHE)).all()
  expect(await textOf(after.find(({ step }) => step === copy)?.folder ?? '')).toBe('good')
  expect(events).toContainEqual(expect.objectContaining({ type: 'warning', step: 'source', message: expect.stringContaining('damaged') }))
  expect(ran()).toEqual(['source', 'copy'])
})

test('a damaged final result is made again when it is asked for verified', async () => {
  const { build, ran } = trialBuild()
  const only = textStep('only', [], () => '', () => Promise.resolve('good'))
  const [made] = (await execute(build, [only], CACHE)).all()
  await rm(join(made?.folder ?? '', 'text'))
  ran()
  const results = await execute(build, [only], CACHE)
  expect(await textOf((await results.verified(only)).folder)).toBe('good')
  expect(ran()).toEqual(['only'])
})

test('an unreadable entry is as good as none', async () => {
  const { build, ran } = trialBuild()
  const only = textStep('only', [], () => '', () => Promise.resolve('x'))
  const [made] = (await execute(build, [only], CACHE)).all()
  await writeFile(join(made?.folder ?? '', '../entry.json'), '{"inputs":')
  ran()
  await execute(build, [only], CACHE)
  expect(ran()).toEqual(['only'])
})

test('a failure stops the other steps, reaches the caller and leaves nothing half-made', async () => {
  const { build } = trialBuild()
  const stopped: string[] = []
  const endless = textStep('endless', [], () => '', ({ build: { signal } }) => new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      stopped.push('endless')
      reject(new Error('stopped'))
    })
  }))
  const broken = textStep('broken', [], () => '', () => Promise.reject(new PlumpError('NO_MIRROR', 'none', { fix: 'name one' })))
  await expect(execute(build, [endless, broken], CACHE)).rejects.toMatchObject({ code: 'NO_MIRROR' })
  expect(stopped).toEqual(['endless'])
  expect(readdirSync(join(build.paths.cache, 'tmp'))).toEqual([])
})

test('an interrupted build says so, whatever the stopped programs said, and leaves nothing half-made', async () => {
  const { build, interrupt } = trialBuild()
  const endless = textStep('endless', [], () => '', ({ build: { signal } }) => new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('killed by SIGINT')))
    queueMicrotask(interrupt)
  }))
  const never = textStep('never', [endless], () => '', () => Promise.resolve(''))
  await expect(runBuild(build, [never], CACHE, () => Promise.resolve())).rejects.toMatchObject({ code: 'INTERRUPTED', exitCode: 130 })
  expect(await readdir(build.paths.cache)).toEqual([])
})

test('when the mirror has moved on, the lists are fetched again, once', async () => {
  const { build } = trialBuild()
  let tries = 0
  const fetching = (fails: number): Step => textStep('fetch', [], () => String(fails), () => {
    tries++
    return tries > fails ? Promise.resolve('') : Promise.reject(new PlumpError('MIRROR_MOVED_ON', '404', { fix: '' }))
  })
  await runBuild(build, [fetching(1)], CACHE, () => Promise.resolve())
  expect(tries).toBe(2)
  tries = 0
  await expect(runBuild(build, [fetching(9)], CACHE, () => Promise.resolve())).rejects.toMatchObject({ code: 'MIRROR_MOVED_ON' })
  expect(tries).toBe(2)
})

test('of a step only the last three results are kept', async () => {
  const { build } = trialBuild()
  const source = { text: '' }
  for (const text of ['1', '2', '3', '4', '5']) {
    source.text = text
    await execute(build, chain(source).slice(0, 1), CACHE)
  }
  expect(await readdir(join(build.paths.cache, 'steps/source'))).toHaveLength(3)
})

test('a step can only use the results it needs', async () => {
  const { build } = trialBuild()
  const stranger = textStep('stranger', [], () => '', () => Promise.resolve(''))
  const curious = textStep('curious', [], () => '', ({ result }) => textOf(result(stranger)))
  await expect(execute(build, [stranger, curious], CACHE)).rejects.toThrow('without needing it')
})

test('one build at a time: a second one is refused, a dead one is not waited for', async () => {
  const file = join(temporaryFolder(), 'lock')
  const release = await takeLock(file, 'a build')
  await expect(takeLock(file, 'a build')).rejects.toMatchObject({ code: 'BUSY', message: expect.stringContaining(String(process.pid)) })
  await release()
  // Above the largest process id Linux gives (4194304).
  await writeFile(file, '4194305\n')
  await (await takeLock(file, 'a build'))()
  await writeFile(file, 'not a number')
  await (await takeLock(file, 'a build'))()
})

/** Random steps, each needing some of the earlier ones. */
const graph = fc.array(fc.array(fc.nat(20), { maxLength: 3 }), { minLength: 1, maxLength: 15 }).map((needs) => {
  const steps: Step[] = []
  for (const [index, indices] of needs.entries()) {
    const needed = [...new Set(indices.filter((need) => need < index))].flatMap((need) => steps[need] ?? [])
    steps.push(textStep(`s${index}`, needed, () => '', () => Promise.resolve('')))
  }
  return steps
})

test('in order, every step comes after all it needs, once', () => {
  fc.assert(fc.property(graph, (steps) => {
    const order = inOrder(steps.toReversed())
    expect(new Set(order)).toEqual(new Set(steps))
    expect(order).toHaveLength(steps.length)
    for (const step of order) for (const need of step.needs) expect(order.indexOf(need)).toBeLessThan(order.indexOf(step))
  }))
})

test('the chain of a step is at least as long as that of any step after it', () => {
  fc.assert(fc.property(graph, (steps) => {
    const chains = chainSeconds(steps, () => 1)
    for (const step of steps) for (const need of step.needs) expect(chains.get(need)).toBeGreaterThan(chains.get(step) ?? 0)
  }))
})

test('the step with the longest chain starts first', () => {
  const [source, upper, shout] = chain({ text: '' })
  const quick = textStep('quick', [], () => '', () => Promise.resolve(''))
  const steps = [quick, source, upper, shout].flatMap((step) => step ?? [])
  expect(readySteps(steps, new Set(), chainSeconds(steps, () => 1)).map(({ id }) => id)).toEqual(['source', 'quick'])
})

test('steps that need each other are refused', () => {
  const needs: Step[] = []
  const one = textStep('one', needs, () => '', () => Promise.resolve(''))
  needs.push(textStep('two', [one], () => '', () => Promise.resolve('')))
  expect(() => inOrder([one])).toThrow('one -> two -> one')
})
