import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { TestSpecification, Vitest } from 'vitest/node'
import { PROJECT_FOLDER } from '../../builder/version.ts'
import { EssentialFirst } from '../support/essential-first.ts'
import { LAST, neededMs } from '../support/last.ts'

const specification = (name: string): TestSpecification => ({ moduleId: `/somewhere/test/vm/${name}.test.ts` }) as TestSpecification

test('files come in the order of their names, the longest at the end', async () => {
  const sorted = await new EssentialFirst({} as Vitest).sort(['job-crashes', 'pool', 'wifi', 'cluster', 'lab-lifetime'].map(specification))
  expect(sorted.map(({ moduleId }) => /([\w-]+)\.test/.exec(moduleId)?.[1])).toEqual(['cluster', 'pool', 'lab-lifetime', 'wifi', 'job-crashes'])
})

test('a long test begins only when there is time for all of it', () => {
  expect(neededMs('/somewhere/test/vm/job-kinds.test.ts')).toBe(1_680_000)
  expect(neededMs('/somewhere/test/vm/pool.test.ts')).toBe(0)
})

test('every test that waits until the end is there', () => {
  const files = readdirSync(join(PROJECT_FOLDER, 'test/vm'))
  expect(files).toEqual(expect.arrayContaining(Object.keys(LAST).map((name) => `${name}.test.ts`)))
})
