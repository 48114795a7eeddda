import { basename } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What a run without much time does without first: the longest tests, each a closer look at something that a shorter one tells to work at all. */
export const LAST = ['lab-lifetime', 'nic-models', 'robust-node', 'interrupted-build', 'network-links', 'wifi', 'clock-and-address', 'addresses', 'cluster-key', 'moving-jobs', 'job-kinds', 'job-crashes']

/** Test files in the order of their names, but those of {@link LAST} at the end, in that order. */
export class EssentialFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((a, b) => rank(a) - rank(b) || a.moduleId.localeCompare(b.moduleId))
  }
}

function rank({ moduleId }: TestSpecification): number {
  return LAST.indexOf(basename(moduleId, '.test.ts'))
}
