import { mkdirSync, promises, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { NodeId } from '../../schema/node-state.ts'
import { NodeError } from '../api/node-error.ts'
import type { HeldJob } from '../jobs/held-job.ts'
import { sourceOf, type BoundMount } from '../jobs/mounts.ts'
import { mountsOfImage, withMounts } from './mount-image.ts'

/** An empty folder in the place of what is gone. */
const NOTHING_FOLDER = '/run/plump/nothing'
const STEP_IN_LIMIT_MS = 10_000

/**
 * What of this node is to be mounted into the job: the like of what it has at its source, at these paths, and what this node binds into it, `bound`. What it has of
 * nodes that are gone becomes an empty folder.
 */
export function mountsHere(job: HeldJob, paths: readonly string[], bound: readonly BoundMount[], lives: (node: NodeId) => boolean): BoundMount[] {
  mkdirSync(NOTHING_FOLDER, { recursive: true, mode: 0o555 })
  return [...new Set([...bound.map(({ path }) => path), ...paths])].map((path) => ({ path, from: sourceOf(path, job.place, bound, lives, NOTHING_FOLDER) }))
}

/** Adds those to the images that the job did not have where it comes from; false while the image that has them is not there. Throws NodeError when it has one that is not among them. */
export function addMounts(images: string, mounts: readonly BoundMount[]): boolean {
  const name = readdirSync(images).find((each) => /^mountpoints-\d+\.img$/.test(each))
  if (name === undefined) return false
  const paths = mounts.map(({ path }) => path)
  const image = withMounts(readFileSync(`${images}/${name}`), paths)
  const unknown = mountsOfImage(image).find(({ path, key }) => key !== undefined && !paths.includes(path))
  if (unknown) throw new NodeError('MOUNTS_CHANGED', `the job came to have ${unknown.path} mounted when it was about to stand still`, 'the job goes on where it was; try again')
  writeFileSync(`${images}/${name}`, image, { mode: 0o600 })
  return true
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
