import { existsSync, writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { movingJobs, processesIn } from '../jobs/cgroups.ts'
import type { MovingJobs } from '../jobs/moving-jobs.ts'
import { processOfPidFile, signalProcess } from '../os/processes.ts'
import { isTraced } from './proc-snapshot.ts'
import { CRIU, type Criu } from './criu-process.ts'

const POLL_MS = 100
/** In the folder of its move, the number of a carrier that waits: an agent after this one lets it go on. */
const WAITING = 'waiting-carrier'

interface Carrier {
  pid: number
  /** Of the job whose pages it carries, and the folder of its move. */
  cgroup: string
  folder: string
  waits: boolean
}

/**
 * The criu processes that send and take pages of jobs that still run. While another job of the node stands still, they wait: with them the mesh would take the CPU
 * that a restore or a dump needs, and nobody waits for them.
 */
export class Carriers {
  readonly #moving: MovingJobs
  readonly #carriers = new Set<Carrier>()

  constructor(moving: MovingJobs) {
    this.#moving = moving
    moving.watch(() => this.#follow())
  }

  /** From when criu has let the job go on until it ends. */
  async add({ pid, ended }: Criu, { cgroup, folder }: { cgroup: string; folder: string }): Promise<void> {
    if (pid === undefined) return
    const carrier: Carrier = { pid, cgroup, folder, waits: false }
    let over = false
    void ended.catch(() => undefined).then(() => {
      over = true
      this.#carriers.delete(carrier)
    })
    // One that waits may hold no process of its job.
    do await pause(POLL_MS)
    while (!over && processesIn(cgroup).some(isTraced))
    if (over) return
    this.#carriers.add(carrier)
    this.#follow()
  }

  #follow(): void {
    const { standing } = this.#moving
    for (const carrier of this.#carriers) {
      const waits = standing.length > 0 && !standing.includes(carrier.cgroup)
      // One whose move has come to its end is about to end, too: it is not stopped any more, but always let go on.
      if (waits === carrier.waits || (waits && !existsSync(carrier.folder))) continue
      carrier.waits = waits
      if (waits) writeFileSync(`${carrier.folder}/${WAITING}`, String(carrier.pid))
      signalProcess(carrier.pid, waits ? 'SIGSTOP' : 'SIGCONT')
    }
  }
}

export const carriers = new Carriers(movingJobs)

/** Lets a carrier go on that an agent before this one had wait. */
export function releaseCarrier(folder: string): void {
  const pid = processOfPidFile(`${folder}/${WAITING}`, [CRIU])
  if (pid !== undefined) signalProcess(pid, 'SIGCONT')
}
