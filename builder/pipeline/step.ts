import type { Build } from './build.ts'

/**
 * One step of the build, in a file of its own under builder/steps. Its result is a folder, kept in the cache under the
 * hash of everything that can change it: `inputs`, the contents of the results it `needs`, and the step's own code
 * (its file and all it imports). A step writes to `out` and nowhere else, needs no root, and gives the same bytes for
 * the same inputs.
 */
export interface Step {
  /** Stable, kebab-case: names the cache folder, events and the build record. */
  id: string
  /** What a user reads in the progress list. */
  title: string
  needs: readonly Step[]
  /** What it needs besides, of each kernel of the image; only for a step that brings the kernels together. */
  needsOfKernel?(name: string): readonly Step[]
  /** Names and values (or hashes) of all other inputs: configuration keys, project files, tool versions, the epoch. */
  inputs(build: Build): Promise<Inputs>
  run(work: StepWork): Promise<void>
  /** Where the code is: `import.meta.url` of the step's file. */
  codeUrl: string
}

/** All steps whose results a step needs in an image with these kernels. */
export function needsOf(step: Step, kernels: readonly string[]): readonly Step[] {
  return [...step.needs, ...kernels.flatMap((name) => step.needsOfKernel?.(name) ?? [])]
}

/**
 * A step there is once for each kernel: `make` is called once a name, so that asking again gives the same step. Its id ends in the name, so
 * that each kernel has a place of its own in the cache.
 */
export function perKernel(make: (name: string) => Step): (name: string) => Step {
  const made = new Map<string, Step>()
  return (name) => {
    const step = made.get(name) ?? make(name)
    made.set(name, step)
    return step
  }
}

/** Values are printed by `./plump plan` when they differ from the cached ones, so secrets go in as hashes. */
export type Inputs = Record<string, string>

export interface StepWork {
  build: Build
  /** An empty folder to fill. */
  out: string
  /** The folder with the result of a needed step; throws for one that is not in `needs`. */
  result(step: Step): string
  progress(text: string, done?: number, total?: number): void
  warn(message: string): void
}
