import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { PROJECT_FOLDER } from '../../builder/version.ts'

const LINES_LIMIT = 400
const COLUMNS_LIMIT = 240
const CODE_FOLDERS = ['builder', 'agent', 'schema', 'simulator', 'test']
const TEXT_FOLDERS = [...CODE_FOLDERS, 'rootfs-overlay', 'templates', 'docs', '.ci']

/** Files that are started by name, not imported. */
const STARTED = ['builder/cli/main.ts', 'agent/main.ts', 'agent/cli/main.ts', 'agent/packages/main.ts', 'simulator/main.ts', 'test/vm/global-setup.ts', 'test/support/failures-at-once.ts', 'test/support/time-left.ts']

function filesBelow(folder: string): string[] {
  const full = join(PROJECT_FOLDER, folder)
  if (!existsSync(full)) return []
  return readdirSync(full, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .map((entry) => relative(PROJECT_FOLDER, join(entry.parentPath, entry.name))).toSorted()
}

function read(path: string): string {
  return readFileSync(join(PROJECT_FOLDER, path), 'utf8')
}

const code = CODE_FOLDERS.flatMap(filesBelow).filter((path) => path.endsWith('.ts'))

/** Project files a source imports, type-only imports included, or starts by their name. */
function importedFiles(path: string): string[] {
  const source = read(path)
  const imports = [...source.matchAll(/(?:from\s+|import\(|import\s+)'(\.[^']+)'/g)].map((match) => match[1] ?? '')
  const started = [...source.matchAll(/'((?:\.{1,2}\/)?[a-z0-9-]+(?:\/[a-z0-9.-]+)*\.ts)'/g)].map((match) => match[1] ?? '')
  return [...imports, ...started].flatMap((specifier) => [
    relative(PROJECT_FOLDER, resolve(PROJECT_FOLDER, dirname(path), specifier)), specifier,
  ])
}

test('builder and agent never import each other, schema imports neither', () => {
  const forbidden: Record<string, string[]> = { builder: ['agent', 'simulator'], agent: ['builder', 'simulator'], schema: ['builder', 'agent', 'simulator'], simulator: ['builder'] }
  const wrong = code.flatMap((path) => {
    const folder = path.split('/')[0] ?? ''
    const imports = [...read(path).matchAll(/(?:from\s+|import\()'(\.[^']+)'/g)].map((match) => relative(PROJECT_FOLDER, resolve(PROJECT_FOLDER, dirname(path), match[1] ?? '')))
    return imports.filter((target) => forbidden[folder]?.includes(target.split('/')[0] ?? '')).map((target) => `${path} imports ${target}`)
  })
  expect(wrong).toEqual([])
})

test('the simulator takes of the agent nothing but its balancing', () => {
  const wrong = code.filter((path) => path.startsWith('simulator/')).flatMap((path) => importedFiles(path).filter((target) => target.startsWith('agent/') && !target.startsWith('agent/balance/')).map((target) => `${path} imports ${target}`))
  expect(wrong).toEqual([])
})

test('a step takes nothing from another step but the step itself and types', () => {
  const wrong = code.filter((path) => path.startsWith('builder/steps/') && !path.endsWith('/index.ts')).flatMap((path) => (
    [...read(path).matchAll(/^import (?!type)\{([^}]*)\} from '\.\/([^']+)\.ts'/gm)].flatMap((match) => {
      const step = (match[2] ?? '').replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
      const others = (match[1] ?? '').split(',').map((name) => name.trim()).filter((name) => name !== '' && name !== step && !name.startsWith('type '))
      return others.map((name) => `${path}: ${name}`)
    })
  ))
  expect(wrong).toEqual([])
})

test('every file is imported or started by something', () => {
  const used = new Set([...STARTED, ...code.flatMap((path) => importedFiles(path).filter((target) => target !== path))])
  const dead = code.filter((path) => !used.has(path) && !path.endsWith('.test.ts') && !path.endsWith('.d.ts'))
  expect(dead).toEqual([])
})

test('no file is longer than can be read in one sitting', () => {
  const long = code.filter((path) => read(path).split('\n').length > LINES_LIMIT)
  expect(long).toEqual([])
})

test('no line of the program is endless', () => {
  const long = code.filter((path) => !path.startsWith('test/')).flatMap((path) => read(path).split('\n').flatMap((line, index) => (line.length > COLUMNS_LIMIT ? [`${path}:${index + 1}`] : [])))
  expect(long).toEqual([])
})

test('names of code files are kebab-case', () => {
  const odd = code.filter((path) => !/^[a-z0-9/.-]+$/.test(path))
  expect(odd).toEqual([])
})

test.each([
  ['a default export', /^export default/m, code],
  ['a focused or skipped test', new RegExp(String.raw`\b(?:test|it|describe)\.(?:only|${'skip'}|todo)\b`), code],
  ['an import without node: or extension', /from '(?:fs|path|os|crypto|child_process|net|dgram|util|stream|events|zlib|http)(?:\/promises)?'/, code],
  ['a note of work to be done', new RegExp(String.raw`\b(?:${'TO'}DO|${'FIX'}ME|${'XX'}X)\b`), TEXT_FOLDERS.flatMap(filesBelow)],
  ['the host name of a mirror or registry', new RegExp(['deb', 'security', 'ftp', 'snapshot', 'archive'].map((name) => String.raw`\b${name}\.(?:[a-z]+\.)?(?:debian|ubuntu)\.(?:org|com)`).join('|') + String.raw`|registry\.npm`), TEXT_FOLDERS.flatMap(filesBelow)],
  ['a path of one machine', new RegExp(String.raw`(?<![\w.])/(?:${'work'}|home/[a-z]+)/`), TEXT_FOLDERS.flatMap(filesBelow)],
])('nowhere is %s', (_, pattern, files) => {
  const exception = 'test/unit/tidy.test.ts'
  expect(files.filter((path) => path !== exception && pattern.test(read(path)))).toEqual([])
})
