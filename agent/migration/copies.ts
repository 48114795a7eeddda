import { rmSync } from 'node:fs'
import { jobIdSchema, type JobId } from '../../schema/job.ts'
import type { NodeId } from '../../schema/node-state.ts'
import { jobFolder, JOBS_FOLDER } from '../jobs/places.ts'
import { namesIn, readTextIfThere, removeIfEmpty, writeAtomically } from '../os/files.ts'
import { copyStep, type Copy, type CopyEvent } from './commit-machine.ts'

/** This node's part in each job that moves, written down before anything is done about it. */
export class Copies {
  /** One step of the protocol; gives the part as it is now. */
  step(job: { id: JobId; home: NodeId; epoch: number }, event: CopyEvent, otherwise: Copy = { at: 'running', epoch: job.epoch }): Copy {
    const { copy } = copyStep(this.get(job.id) ?? otherwise, event, job.home)
    this.#set(job.id, copy)
    return copy
  }

  get(id: JobId): Copy | undefined {
    const text = readTextIfThere(`${jobFolder(id)}/copy.json`)
    return text === undefined ? undefined : JSON.parse(text) as Copy
  }

  /** Every part that is written down. */
  all(): { id: JobId; copy: Copy }[] {
    return jobsWrittenDown().flatMap((id) => {
      const copy = this.get(id)
      return copy === undefined ? [] : [{ id, copy }]
    })
  }

  /** The job is neither here nor has it anything to settle. */
  forget(id: JobId): void {
    rmSync(`${jobFolder(id)}/copy.json`, { force: true })
  }

  /** Drops what is written down of jobs that are not here any more and have nothing to settle. */
  tidy(isHere: (id: JobId) => boolean): void {
    for (const id of jobsWrittenDown()) {
      const copy = isHere(id) ? undefined : this.get(id)
      if (copy?.at !== 'none' && copy?.at !== 'running') continue
      this.forget(id)
      removeIfEmpty(jobFolder(id))
    }
  }

  #set(id: JobId, copy: Copy): void {
    writeAtomically(`${jobFolder(id)}/copy.json`, JSON.stringify(copy), 0o600)
  }
}

function jobsWrittenDown(): JobId[] {
  return namesIn(JOBS_FOLDER).flatMap((name) => jobIdSchema.safeParse(name).data ?? [])
}
