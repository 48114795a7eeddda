import type { PlumpYaml } from '../../schema/plump-yaml.ts'
import type { Summary } from '../../schema/summary.ts'
import { keyLines } from '../config/key-lines.ts'

/** What the machine and its environment decide, found out beforehand. */
export interface MachineFacts {
  version: string
  /** The mirrors a build would ask; undefined when none is known. */
  mirrors: { main: string; security: string } | undefined
  kernelsFolder: string
  kernels: readonly string[]
  packagesFolder: string
  clusterKeyFile: string
  clusterKeyExists: boolean
  downloads: string
  final: string
  epochSeconds: number
}

type Row = Summary[number]

/** The resolved configuration and where each value is from. `text` is that of the file, `file` what to call it. */
export function summarize(config: PlumpYaml, text: string, file: string, facts: MachineFacts, environment: NodeJS.ProcessEnv): Summary {
  const lines = keyLines(text)
  const rows = leaves(config).map(([key, value]): Row => fromFile(key, value, lines, file))
  const resolved = [
    ...machineMirror('base.mirror', facts.mirrors?.main), ...machineMirror('base.securityMirror', facts.mirrors?.security),
    ...defaultFolder('kernels.folder', facts.kernelsFolder), ...defaultFolder('packages.folder', facts.packagesFolder),
  ].filter(({ key }) => !lines.has(key))
  return [
    ...[...rows, ...resolved].toSorted((a, b) => order(config, a.key) - order(config, b.key)),
    { key: 'machine.version', value: facts.version, source: 'machine', where: 'package.json' },
    { key: 'machine.kernels', value: facts.kernels, source: 'machine', where: facts.kernelsFolder },
    clusterKey(config, facts, environment),
    byVariable('machine.downloads', facts.downloads, 'XDG_CACHE_HOME', environment),
    { key: 'machine.final', value: facts.final, source: 'default' },
    byVariable('machine.epochSeconds', facts.epochSeconds, 'SOURCE_DATE_EPOCH', environment),
  ]
}

/** Leaves of the configuration by dotted key; a list, and a record with nothing in it, is a leaf. */
function leaves(value: object, prefix = ''): [string, unknown][] {
  return Object.entries(value).flatMap(([name, inner]: [string, unknown]) => {
    const key = prefix === '' ? name : `${prefix}.${name}`
    const isSection = typeof inner === 'object' && inner !== null && !Array.isArray(inner)
    // A section none of whose optional keys is set.
    if (isSection && prefix === '' && Object.keys(inner).length === 0) return []
    return isSection && Object.keys(inner).length > 0 ? leaves(inner, key) : [[key, inner] as [string, unknown]]
  })
}

function fromFile(key: string, value: unknown, lines: ReadonlyMap<string, number>, file: string): Row {
  const line = lines.get(key)
  return line === undefined ? { key, value, source: 'default' } : { key, value, source: 'file', where: `${file}:${line}` }
}

function machineMirror(key: string, value: string | undefined): Row[] {
  return [value === undefined ? { key, value: 'none is known', source: 'machine', where: 'apt' } : { key, value, source: 'machine', where: 'apt' }]
}

function defaultFolder(key: string, value: string): Row[] {
  return [{ key, value, source: 'default' }]
}

function clusterKey(config: PlumpYaml, facts: MachineFacts, environment: NodeJS.ProcessEnv): Row {
  const what = config.cluster.key === 'ask' ? 'not in the ISO' : facts.clusterKeyExists ? 'there is one' : 'the next build makes one'
  return byVariable('machine.clusterKey', `${facts.clusterKeyFile} (${what})`, 'XDG_CONFIG_HOME', environment)
}

function byVariable(key: string, value: unknown, variable: string, environment: NodeJS.ProcessEnv): Row {
  return environment[variable] ? { key, value, source: 'environment', where: variable } : { key, value, source: 'default' }
}

/** Sections stay in the order of the schema. */
function order(config: PlumpYaml, key: string): number {
  return Object.keys(config).indexOf(key.split('.')[0] ?? '')
}

/** A summary for people: what differs from the default stands out by its source. */
export function describeSummary(summary: Summary): string {
  const rows = summary.map(({ key, value, source, where }) => [key, show(value), source === 'default' ? 'default' : source === 'file' ? where ?? '' : `${source}: ${where ?? ''}`] as const)
  const [keyWidth, valueWidth] = [0, 1].map((column) => Math.min(60, Math.max(...rows.map((row) => row[column]?.length ?? 0))))
  return rows.map(([key, value, source]) => `${key.padEnd(keyWidth ?? 0)}  ${value.padEnd(valueWidth ?? 0)}  ${source}\n`).join('')
}

function show(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : JSON.stringify(value) ?? ''
}
