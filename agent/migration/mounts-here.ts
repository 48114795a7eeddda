import { mkdirSync, promises, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { NodeId } from '../../schema/node-state.ts'
import type { HeldJob } from '../jobs/held-job.ts'
import { sourceOf, type BoundMount } from '../jobs/mounts.ts'
import { mountsOfImage, withMounts } from './mount-image.ts'

/** An empty folder in the place of what is gone. */
const NOTHING_FOLDER = '/run/plump/nothing'
const STEP_IN_LIMIT_MS = 10_000

/**
 * What of this node is to be mounted into the job. The images get what it did not have where it comes from; and what it has of nodes that are
 * gone becomes an empty folder. `bound` is what this node binds into the job.
 */
export function mountsHere(job: HeldJob, bound: readonly BoundMount[], folder: string, lives: (node: NodeId) => boolean): readonly BoundMount[] {
  const name = readdirSync(folder).find((each) => /^mountpoints-\d+\.img$/.test(each))
  if (name === undefined) return bound
  const image = withMounts(readFileSync(`${folder}/${name}`), bound.map(({ path }) => path))
  writeFileSync(`${folder}/${name}`, image, { mode: 0o600 })
  mkdirSync(NOTHING_FOLDER, { recursive: true, mode: 0o555 })
  return mountsOfImage(image).flatMap(({ path, key }) => (key === undefined ? [] : [{ path, from: sourceOf(path, job.place, bound, lives, NOTHING_FOLDER) }]))
}

/** Has the kernel mount what a job with these mounts is to find here: it does so when somebody steps in. */
export async function stepInto(job: HeldJob, paths: readonly string[], bound: readonly BoundMount[], lives: (node: NodeId) => boolean): Promise<void> {
  await Promise.all(paths.map((path) => stepIn(sourceOf(path, job.place, bound, lives, NOTHING_FOLDER))))
}

/** A node that does not answer must not hold the move up for long; criu then tells what it lacks. */
async function stepIn(folder: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, STEP_IN_LIMIT_MS)
  })
  await Promise.race([promises.stat(`${folder}/.`).then(() => undefined, () => undefined), late])
  clearTimeout(timer)
}
