import * as z from 'zod'
import { plumpYamlSchema } from '../../schema/plump-yaml.ts'

interface JsonSchema {
  properties?: Record<string, JsonSchema>
  items?: JsonSchema
  /** What every value of a record is. */
  additionalProperties?: JsonSchema | false
}

/** plump.yaml's schema as a JSON Schema, for editors; schema/plump.schema.json holds its text. */
export function plumpJsonSchema(): object {
  return { title: 'plump.yaml', ...z.toJSONSchema(plumpYamlSchema, { io: 'input' }) }
}

/** The keys that may stand at a place of plump.yaml, as in `['network', 'static', '0']`. */
export function knownKeysAt(path: readonly string[]): string[] {
  let schema: JsonSchema | undefined = plumpJsonSchema()
  for (const part of path) schema = schema?.properties?.[part] ?? (/^\d+$/.test(part) ? schema?.items : schema?.additionalProperties || undefined)
  return Object.keys(schema?.properties ?? {})
}
