import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { TestSpecification, Vitest } from 'vitest/node'
import { PROJECT_FOLDER } from '../../builder/version.ts'
import { EssentialFirst, LAST } from '../support/essential-first.ts'

const specification = (name: string): TestSpecification => ({ moduleId: `/somewhere/test/vm/${name}.test.ts` }) as TestSpecification

test('files come in the order of their names, the longest at the end', async () => {
  const sorted = await new EssentialFirst({} as Vitest).sort(['job-crashes', 'pool', 'wifi', 'cluster', 'lab-lifetime'].map(specification))
  expect(sorted.map(({ moduleId }) => /([\w-]+)\.test/.exec(moduleId)?.[1])).toEqual(['cluster', 'pool', 'lab-lifetime', 'wifi', 'job-crashes'])
})

test('every test that waits until the end is there', () => {
  const files = readdirSync(join(PROJECT_FOLDER, 'test/vm'))
  expect(files).toEqual(expect.arrayContaining(LAST.map((name) => `${name}.test.ts`)))
})
