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
  readonly #since: { ms: number; cpuSeconds: number }
  /** CPUs it used by itself; measured until it is held back for the first time. */
  #usedCpus: number | undefined
  #cpus: number | undefined

  /** @param init the first of the job's processes that criu stops, and the first that it lets go on. */
  constructor(job: HeldJob, init: number) {
    this.#job = job
    this.#init = init
    this.#since = { ms: nowMs(), cpuSeconds: cgroupFigures(job.cgroup).cpuSeconds }
  }

  /** From now on the job has this part of the CPU that it used before; 1: all it wants. */
  holdBack(share: number): void {
    if (share === 1) return
    this.#usedCpus ??= (cgroupFigures(this.#job.cgroup).cpuSeconds - this.#since.cpuSeconds) * 1000 / Math.max(1, nowMs() - this.#since.ms)
    this.#cpus = this.#usedCpus * share
    limitCpus(this.#job.cgroup, this.#cpus)
  }

  /** While criu has stopped the job, it runs what criu tells it to without being held back; afterwards it is again, unless it is for good that it is let go. */
  async stepAsideFor(criu: Promise<unknown>, until: 'it-goes-on' | 'for-good'): Promise<void> {
    if (this.#cpus === undefined) return
    let over = false
    void criu.catch(() => undefined).then(() => { over = true })
    while (!over && !isTraced(this.#init)) await pause(POLL_MS)
    if (until === 'for-good') return this.release()
    limitCpus(this.#job.cgroup, this.#limit)
    while (!over && isTraced(this.#init)) await pause(POLL_MS)
    if (this.#cpus !== undefined) limitCpus(this.#job.cgroup, this.#cpus)
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
