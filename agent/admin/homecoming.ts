import type { Homecoming, HomecomingWord } from '../../schema/admin-api.ts'
import type { Job, JobId } from '../../schema/job.ts'
import type { NodeId } from '../../schema/node-state.ts'
import { NodeError } from '../api/node-error.ts'

/** A node lets one job leave and one arrive at a time; whoever is in the way is gone within a minute, or something is wrong. */
const BUSY_TRIES = 60
const BUSY_PAUSE_MS = 1_000
/** What a job that has ended in the meantime is answered with: it is not in the way of anything any more. */
const ENDED_CODES: readonly string[] = ['NO_JOB', 'JOB_ENDED']

/** What sending jobs home needs of others. */
export interface HomecomingEdges {
  self(): NodeId | undefined
  /** Those whose home is this node, and the guests here. */
  jobs(): readonly Job[]
  /** Moves a job home, on whichever node it runs. Throws NodeError when it stays. */
  moveHome(job: JobId, progress: (text: string) => void): Promise<unknown>
  pause(ms: number): Promise<unknown>
}

/** The jobs that `bring` (own ones that are away) or `expel` (guests that are here) is about, in the order of their ids. */
export function jobsToMove(word: HomecomingWord, jobs: readonly Job[], self: NodeId): Job[] {
  const wanted = (job: Job): boolean => (word === 'bring' ? job.home === self && job.node !== self : job.home !== self && job.node === self)
  return jobs.filter((job) => job.outcome === undefined && job.state !== 'ended' && wanted(job)).toSorted((one, other) => one.id.localeCompare(other.id, 'en', { numeric: true }))
}

/** Sends one job after the other home and tells which came there, and why others stay. Throws NodeError NO_NODE_ID. */
export async function sendHome(word: HomecomingWord, edges: HomecomingEdges, progress: (text: string) => void): Promise<Homecoming> {
  const self = edges.self()
  if (self === undefined) throw new NodeError('NO_NODE_ID', 'this node has no id yet, because it has no address', 'plump status tells what it waits for')
  const report: Homecoming = { moved: [], staying: [] }
  for (const { id } of jobsToMove(word, edges.jobs(), self)) {
    progress(`job ${id} goes home`)
    const failure = await moveHome(id, edges, progress)
    if (failure === undefined) report.moved.push(id)
    else if (!ENDED_CODES.includes(failure.code)) report.staying.push({ job: id, code: failure.code, why: failure.message })
  }
  return report
}

/** Gives why the job stays; nothing when it is at home. */
async function moveHome(id: JobId, edges: HomecomingEdges, progress: (text: string) => void): Promise<NodeError | undefined> {
  for (let tries = 1; ; tries++) {
    try {
      await edges.moveHome(id, progress)
      return undefined
    } catch (error) {
      if (!(error instanceof NodeError)) throw error
      if (error.code !== 'BUSY' || tries >= BUSY_TRIES) return error.code === 'HERE_ALREADY' ? undefined : error
      await edges.pause(BUSY_PAUSE_MS)
    }
  }
}
