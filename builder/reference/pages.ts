import type { Command } from 'commander'
import { cliPage } from './cli-page.ts'
import { jsonSchemaPage } from './json-schema-page.ts'
import { plumpYamlPage } from './plump-yaml-page.ts'

/** Path in the checkout and text of every page generated from the builder's code. */
export function referencePages(program: Command): [path: string, text: string][] {
  return [
    ['docs/reference/cli.md', cliPage(program)],
    ['docs/reference/plump-yaml.md', plumpYamlPage()],
    ['schema/plump.schema.json', jsonSchemaPage()],
  ]
}
