import type { JobId } from '../../schema/job.ts'
import type { NodeId } from '../../schema/node-state.ts'

/** Where things of jobs lie on a node. */
export const JOBS_FOLDER = '/run/plump/jobs'
export const JOBS_SOCKET = '/run/plump/jobs.sock'
export const CLAIMS_FOLDER = '/run/plump/claims'
/** In the node's root, not in /run: a job sees it as /dev/shm wherever it runs (job-start binds it). Of the image, so that other nodes find it before any job has run at home. */
export const SHARED_MEMORY_FOLDER = '/var/lib/plump/shm'

/** Records, pipes' keeper and mount point of a job on this node. */
export function jobFolder(id: JobId): string {
  return `${JOBS_FOLDER}/${id}`
}

/** What a background job wrote, at its home. */
export function outputFile(id: JobId): string {
  return `/var/lib/plump/jobs/${id}/output`
}

/** Where a job's own names of /mfs lie, at its home. */
export function namesFolder(id: JobId): string {
  return `/var/lib/plump/jobs/${id}/mfs`
}

/** Where the root of a job's home is seen on this node. */
export function homeRootOf(home: NodeId, self: NodeId): string {
  return home === self ? '/' : `/mfs/${home}`
}
