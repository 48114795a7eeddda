import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { NodeId } from '../../schema/node-state.ts'
import type { HeldJob } from '../jobs/held-job.ts'
import { sourceOf, type BoundMount } from '../jobs/mounts.ts'
import { mountsOfImage, withMounts } from './mount-image.ts'

/** An empty folder in the place of what is gone. */
const NOTHING_FOLDER = '/run/plump/nothing'

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
