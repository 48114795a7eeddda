import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createProgram } from '../../builder/cli/program.ts'
import { referencePages } from '../../builder/reference/pages.ts'
import { PROJECT_FOLDER } from '../../builder/version.ts'

test.each(referencePages(createProgram()))('%s is what the code says (./plump reference writes it anew)', (path, text) => {
  expect(readFileSync(join(PROJECT_FOLDER, path), 'utf8')).toBe(text)
})
