import { expect, test } from 'vitest'
import { keyLines } from '../../builder/config/key-lines.ts'
import { loadConfig } from '../../builder/config/load-config.ts'
import { describeSummary, summarize, type MachineFacts } from '../../builder/summary/summarize.ts'
import { summarySchema } from '../../schema/summary.ts'

const FACTS: MachineFacts = {
  version: '0.1.0', mirrors: { main: 'http://mirror.example/debian', security: 'http://mirror.example/debian-security' }, kernelsFolder: '/x/kernels', kernels: ['debian', 'rt'],
  packagesFolder: '/x/packages', clusterKeyFile: '/h/keys/plump.key', clusterKeyExists: false, downloads: '/h/.cache/plump', final: '/x/final', epochSeconds: 1,
}

const TEXT = ['name: lab', 'menu:', '  timeoutSeconds: 0', 'kernels:', '  byName:', '    rt: {arguments: nosmt}', 'cluster: {seeds: [10.0.0.1]}', ''].join('\n')

function rowsOf(text: string, environment: NodeJS.ProcessEnv = {}) {
  return new Map(summarySchema.parse(summarize(loadConfig(text, 'plump.yaml'), text, 'plump.yaml', FACTS, environment)).map((row) => [row.key, row]))
}

test('every line that says something is found by its key', () => {
  expect(Object.fromEntries(keyLines(TEXT))).toMatchObject({ 'name': 1, 'menu.timeoutSeconds': 3, 'kernels.byName.rt.arguments': 6, 'cluster.seeds': 7 })
  expect(keyLines('').size).toBe(0)
})

test('each value is told with where it is from', () => {
  const rows = rowsOf(TEXT, { SOURCE_DATE_EPOCH: '1', XDG_CACHE_HOME: '' })
  expect(rows.get('name')).toEqual({ key: 'name', value: 'lab', source: 'file', where: 'plump.yaml:1' })
  expect(rows.get('kernels.byName.rt.arguments')).toEqual({ key: 'kernels.byName.rt.arguments', value: 'nosmt', source: 'file', where: 'plump.yaml:6' })
  expect(rows.get('cluster.seeds')).toMatchObject({ value: ['10.0.0.1'], where: 'plump.yaml:7' })
  expect(rows.get('menu.title')).toEqual({ key: 'menu.title', value: 'Plump', source: 'default' })
  expect(rows.get('base.mirror')).toEqual({ key: 'base.mirror', value: 'http://mirror.example/debian', source: 'machine', where: 'apt' })
  expect(rows.get('kernels.folder')).toEqual({ key: 'kernels.folder', value: '/x/kernels', source: 'default' })
  expect(rows.get('machine.epochSeconds')).toMatchObject({ source: 'environment', where: 'SOURCE_DATE_EPOCH' })
  expect(rows.get('machine.downloads')).toMatchObject({ source: 'default' })
  expect(rows.get('machine.clusterKey')?.value).toBe('/h/keys/plump.key (the next build makes one)')
})

test('what plump.yaml says of mirror and folders is told once, from there', () => {
  const text = 'base:\n  mirror: http://other.example/debian\nkernels: {folder: mine}\n'
  const rows = summarize(loadConfig(text, 'f'), text, 'f', FACTS, {})
  expect(rows.filter(({ key }) => key === 'base.mirror')).toEqual([{ key: 'base.mirror', value: 'http://other.example/debian', source: 'file', where: 'f:2' }])
  expect(rows.filter(({ key }) => key === 'kernels.folder')).toEqual([{ key: 'kernels.folder', value: 'mine', source: 'file', where: 'f:3' }])
})

test('the table has a line a setting, sections together', () => {
  const text = describeSummary(summarize(loadConfig(TEXT, 'plump.yaml'), TEXT, 'plump.yaml', FACTS, {}))
  expect(text).toMatch(/^menu\.timeoutSeconds +0 +plump\.yaml:3$/m)
  const sections = text.split('\n').map((line) => line.split(/[. ]/)[0]).filter((section, index, all) => section !== all[index - 1])
  expect(new Set(sections).size).toBe(sections.length)
})
