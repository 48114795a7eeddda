import * as z from 'zod'
import { plumpYamlSchema } from '../../schema/plump-yaml.ts'

interface JsonSchema {
  type?: string
  description?: string
  default?: unknown
  enum?: unknown[]
  const?: unknown
  anyOf?: JsonSchema[]
  items?: JsonSchema
  properties?: Record<string, JsonSchema>
  /** What every value of a record is. */
  additionalProperties?: JsonSchema | false
}

/** docs/reference/plump-yaml.md, generated from the schema so that it cannot say anything else. */
export function plumpYamlPage(): string {
  const schema = z.toJSONSchema(plumpYamlSchema, { io: 'input' }) as JsonSchema
  const rows = keysOf(schema, '').map(({ path, key }) => `| \`${path}\` | ${typeOf(key)} | ${defaultOf(key)} | ${escapeCell(key.description ?? '')} |`)
  return [
    '# plump.yaml',
    '',
    'Every key has a default, so an empty file is a valid one. An unknown key is an error that names the nearest known one.',
    '`schema/plump.schema.json` is the same as a JSON Schema, for editors.',
    '',
    '| key | value | default | meaning |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

function keysOf(schema: JsonSchema, prefix: string): { path: string; key: JsonSchema }[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, key]) => {
    const path = `${prefix}${name}`
    if (key.properties) return keysOf(key, `${path}.`)
    const each = key.additionalProperties || undefined
    if (each?.properties && key.default !== undefined) return [{ path, key }, ...keysOf(each, `${path}.NAME.`)]
    if (key.items?.properties) return [{ path, key }, ...keysOf(key.items, `${path}[].`)]
    return [{ path, key }]
  })
}

function typeOf(key: JsonSchema): string {
  if (key.enum) return key.enum.map((value) => `\`${String(value)}\``).join(', ')
  if (key.const !== undefined) return `\`${JSON.stringify(key.const)}\``
  if (key.anyOf) return key.anyOf.map(typeOf).join(', ')
  if (key.type === 'array') return `list of ${key.items?.properties ? 'entries' : key.items ? typeOf(key.items) : 'values'}`
  if (key.additionalProperties && !key.properties) return 'entries by name'
  return key.type ?? 'text'
}

function defaultOf(key: JsonSchema): string {
  return key.default === undefined ? '' : `\`${JSON.stringify(key.default)}\``
}

function escapeCell(text: string): string {
  return text.replace(/\|/g, '\\|')
}
