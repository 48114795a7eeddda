import { plumpJsonSchema } from '../config/known-keys.ts'

/** The text of schema/plump.schema.json, which editors check plump.yaml with. */
export function jsonSchemaPage(): string {
  return `${JSON.stringify(plumpJsonSchema(), undefined, 2)}\n`
}
