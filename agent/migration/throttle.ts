import { existsSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { cgroupFigures, limitCpus } from '../jobs/cgroups.ts'
import type { HeldJob } from '../jobs/held-job.ts'
import { nowMs } from '../os/clock.ts'
import { isTraced } from './proc-snapshot.ts'

/** A job that stands waits no longer than this for what it may use of the CPU. */
const POLL_MS = 10

/** Holds a job back while its pages travel, so that it writes less than the wire carries. */
export class Throttle {
  readonly #job: HeldJob
  readonly #init: number
  #since: { ms: number; cpuSeconds: number }
  /** CPUs it used by itself; measured until it is held back for the first time. */
  #usedCpus: number | undefined
  #cpus: number | undefined

  /** @param init the first of the job's processes that criu stops, and the first that it lets go on. */
  constructor(job: HeldJob, init: number) {
    this.#job = job
    this.#init = init
    this.#since = usedUntilNow(job)
  }

  /** From now on the job has this part of the CPU that it used before; 1: all it wants. */
  holdBack(share: number): void {
    if (share === 1) return
    const now = usedUntilNow(this.#job)
    this.#usedCpus ??= (now.cpuSeconds - this.#since.cpuSeconds) * 1000 / Math.max(1, now.ms - this.#since.ms)
    this.#cpus = this.#usedCpus * share
    limitCpus(this.#job.cgroup, this.#cpus)
  }

  /**
   * While criu has stopped the job, it runs what criu tells it to without being held back; afterwards it is again, unless it is for good that it is let go.
   * What it computed for criu is not what it uses by itself, and does not count as such.
   */
  async stepAsideFor(criu: Promise<unknown>, until: 'it-goes-on' | 'for-good'): Promise<void> {
    if (this.#cpus === undefined && until === 'for-good') return
    let over = false
    void criu.catch(() => undefined).then(() => { over = true })
    while (!over && !isTraced(this.#init)) await pause(POLL_MS)
    if (until === 'for-good') return this.release()
    if (this.#cpus !== undefined) limitCpus(this.#job.cgroup, this.#limit)
    while (!over && isTraced(this.#init)) await pause(POLL_MS)
    if (this.#cpus !== undefined) limitCpus(this.#job.cgroup, this.#cpus)
    else if (!over && existsSync(this.#job.cgroup)) this.#since = usedUntilNow(this.#job)
  }

  /** The job has what its user gave it. */
  release(): void {
    if (this.#cpus === undefined) return
    this.#cpus = undefined
    limitCpus(this.#job.cgroup, this.#limit)
  }

  get #limit(): number | undefined {
    return this.#job.record.spec.limits.cpus
  }
}

function usedUntilNow({ cgroup }: HeldJob): { ms: number; cpuSeconds: number } {
  return { ms: nowMs(), cpuSeconds: cgroupFigures(cgroup).cpuSeconds }
}
