import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { rankOf } from './last.ts'

/** Test files in the order of their names, but those that may be left out (last.ts) at the end, in the order there. */
export class EssentialFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((a, b) => rankOf(a.moduleId) - rankOf(b.moduleId) || a.moduleId.localeCompare(b.moduleId))
  }
}
