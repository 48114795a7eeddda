import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { codeInputs, importsOf } from '../../builder/pipeline/code-hash.ts'
import { changedInputs, summarizeReasons } from '../../builder/pipeline/reasons.ts'
import { recipe } from '../../builder/steps/index.ts'
import { PROJECT_FOLDER } from '../../builder/version.ts'
import { temporaryFolder } from './pipeline-helpers.ts'

/** A project with a step, a helper of it, another step, and an npm package. */
async function project(files: Record<string, string> = {}): Promise<Record<string, string>> {
  const folder = temporaryFolder()
  const all: Record<string, string> = {
    'builder/steps/one.ts': "import { readFile } from 'node:fs/promises'\nimport { execa } from 'execa'\nimport { help } from '../help.ts'\nimport { two } from './two.ts'\n",
    'builder/steps/two.ts': "import { secret } from '../secret.ts'\n",
    'builder/help.ts': "import type { Shape } from './shape.ts'\nexport { more } from './more.ts'\n",
    'builder/more.ts': '',
    'builder/secret.ts': '',
    'builder/shape.ts': '',
    'node_modules/execa/package.json': '{"version": "1.2.3"}',
    ...files,
  }
  for (const [path, text] of Object.entries(all)) {
    await mkdir(join(folder, path, '..'), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  return codeInputs(pathToFileURL(join(folder, 'builder/steps/one.ts')).href, folder)
}

test('a step\'s code is its file and what it imports: not types, not other steps, of npm packages their versions', async () => {
  const inputs = await project()
  expect(Object.keys(inputs).toSorted()).toEqual(['code builder/help.ts', 'code builder/more.ts', 'code builder/steps/one.ts', 'npm execa'])
  expect(inputs['npm execa']).toBe('1.2.3')
})

test('a change in an imported file changes the inputs and nothing else does', async () => {
  const before = await project()
  expect(changedInputs(before, await project({ 'builder/more.ts': 'export const more = 1' }))).toEqual(['builder/more.ts changed'])
  expect(changedInputs(before, await project({ 'builder/shape.ts': 'export type Shape = 1', 'builder/secret.ts': '1' }))).toEqual([])
  expect(changedInputs(before, await project({ 'node_modules/execa/package.json': '{"version": "1.2.4"}' }))).toEqual(['npm execa 1.2.3 -> 1.2.4'])
})

test.each([
  ["import { a } from './a.ts'", ['./a.ts']],
  ["import a, { b } from './a.ts'", ['./a.ts']],
  ["import {\n  a,\n  type B,\n} from './a.ts'", ['./a.ts']],
  ["import './a.ts'", ['./a.ts']],
  ["import * as a from './a.ts'", ['./a.ts']],
  ["export * from './a.ts'", ['./a.ts']],
  ["const a = await import('./a.ts')", ['./a.ts']],
  ["import type { A } from './a.ts'", []],
  ["export type { A } from './a.ts'", []],
  ["let a: import('./a.ts').A", ['./a.ts']],
])('imports of %j', (source, imports) => {
  expect(importsOf(source)).toEqual(imports)
})

test('every step of the build has code, and ids are used once', async () => {
  const steps = recipe(['debian', 'rt'])
  for (const step of steps) {
    const inputs = await codeInputs(step.codeUrl, PROJECT_FOLDER)
    expect(inputs).toHaveProperty([`code builder/steps/${step.id.replace(/-(?:debian|rt)$/, '')}.ts`])
  }
  expect(new Set(steps.map(({ id }) => id)).size).toBe(steps.length)
})

test('reasons name what changed, with values when they say something', () => {
  const hash = 'a'.repeat(64)
  const before = { 'tool xorriso': '1.5.4', 'agent/main.ts': hash, 'gone': 'x', 'same': '1' }
  const now = { 'tool xorriso': '1.5.6', 'agent/main.ts': hash.replace('a', 'b'), 'fresh': 'x', 'same': '1' }
  expect(changedInputs(before, now)).toEqual(['agent/main.ts changed', 'fresh is new', 'gone is gone', 'tool xorriso 1.5.4 -> 1.5.6'])
  expect(summarizeReasons(['a', 'b', 'c', 'd', 'e', 'f'])).toBe('a, b, c, d, 2 more')
  expect(summarizeReasons([])).toBe('')
})
