import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { referencePages } from '../reference/pages.ts'
import { PROJECT_FOLDER } from '../version.ts'

/** `./plump reference`: writes the generated pages anew. */
export function registerReference(program: Command): void {
  program.command('reference')
    .description('Write the pages in docs/reference anew; a test fails when they are stale.')
    .action(async () => {
      for (const [path, text] of referencePages(program)) await writeFile(join(PROJECT_FOLDER, path), text)
    })
}
