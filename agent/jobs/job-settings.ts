import * as z from 'zod'
import { jobChangeSchema, jobIdSchema, type Job, type JobChange } from '../../schema/job.ts'
import type { NodeId } from '../../schema/node-state.ts'
import { NodeError } from '../api/node-error.ts'
import type { Peers } from '../peers/peers.ts'
import type { Holder } from './holder.ts'
import type { Home } from './home.ts'

const CHANNEL = 'job-setting'
const callSchema = z.strictObject({ job: jobIdSchema, change: jobChangeSchema })

export interface JobSettings {
  /** Changes what a job's owner says about it; asked on its home or on the node where it runs. Throws NodeError. */
  change(id: string, change: JobChange): Promise<Job>
}

/** Keeps lock, mask and hints of a job the same at its home, which decides by them, and at the node that holds it, which balances by them. */
export function serveJobSettings({ holder, home, peers, self }: { holder: Holder; home: Home; peers: Pick<Peers, 'call' | 'answer'>; self(): NodeId }): JobSettings {
  const changeAtHome = async (id: string, change: JobChange): Promise<Job> => {
    const deputy = home.job(id)
    deputy.update(change)
    const { job } = deputy
    if (job.node === self()) changeHeld(job.id, change)
    // A holder that cannot be reached now balances by what it knew; home refuses by what it knows.
    else await peers.call(job.node, CHANNEL, { job: job.id, change }).catch(() => undefined)
    return job
  }
  const changeHeld = (id: string, change: JobChange): void => {
    const held = holder.jobs.find((job) => job.id === id)
    if (!held) return
    held.record.job = { ...held.record.job, ...change }
    held.save()
  }
  peers.answer(CHANNEL, callSchema, async ({ job, change }, from) => {
    const held = holder.jobs.find(({ id }) => id === job)
    if (held !== undefined && held.record.job.home === from) changeHeld(job, change)
    else if (home.job(job).job.node === from) await changeAtHome(job, change)
    else throw new NodeError('NOT_YOUR_JOB', `node ${from} neither holds job ${job} nor is its home`, 'say it on the node where the job runs')
    return {}
  })
  return {
    async change(id, change) {
      const guest = holder.jobs.find((job) => job.id === id && job.record.job.home !== self())
      if (guest === undefined) return changeAtHome(id, change)
      await peers.call(guest.record.job.home, CHANNEL, { job: id, change })
      changeHeld(id, change)
      return guest.record.job
    },
  }
}
