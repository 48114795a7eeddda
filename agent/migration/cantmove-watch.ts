import { CANTMOVE, type CantMove } from '../../schema/cantmove.ts'
import { nowMs } from '../os/clock.ts'
import type { HeldJob } from '../jobs/held-job.ts'
import type { Holder } from '../jobs/holder.ts'
import { paced } from '../os/paced.ts'
import { whyCantMove } from './cantmove.ts'
import { snapshotJob } from './proc-snapshot.ts'
import { toCantmove } from './refusal.ts'

/** Each job is looked at this often, a new one at the next tick; of many, those that were not looked at for longest. */
const CHECK_MS = 10_000
const TICK_MS = 2_000
const CHECKS_A_TICK = 1
const CPU_SHARE = 1 / 100
/** What criu refused is shown this long: /proc does not show it. */
const REFUSAL_KEPT_MS = 60_000

/** Reasons that lie in the job itself, whatever the target. */
const ABOUT_THE_JOB: ReadonlySet<string> = new Set(Object.keys(CANTMOVE).filter((code) => !['locked', 'cpu', 'memory'].includes(code)))

/** Keeps `cantmove` of the jobs that run here up to date, by what /proc tells. */
export class CantMoveWatch {
  readonly #holder: Holder
  readonly #checkedMs = new WeakMap<HeldJob, number>()
  readonly stop: () => void

  constructor(holder: Holder) {
    this.#holder = holder
    this.stop = paced(() => this.#tick(), { everyMs: TICK_MS, cpuShare: CPU_SHARE })
  }

  /** Looks at a job now; undefined: nothing is known that keeps it from moving. */
  check(job: HeldJob): CantMove | undefined {
    this.#checkedMs.set(job, nowMs())
    const view = snapshotJob(job)
    const [reason] = view === undefined ? [] : whyCantMove(view)
    job.cantmove = reason && toCantmove(reason)
    return reason
  }

  /** It was refused with this message, which begins with the code: by criu, maybe, which sees more than /proc shows. */
  refused(job: HeldJob, message: string): void {
    const [, code = '', sentence = ''] = /^([a-z_-]+): ([^]*)$/.exec(message) ?? []
    if (!ABOUT_THE_JOB.has(code)) return
    job.cantmove = { code, sentence }
    this.#checkedMs.set(job, nowMs() + REFUSAL_KEPT_MS)
  }

  #tick(): void {
    const checkedMs = (job: HeldJob): number => this.#checkedMs.get(job) ?? -Infinity
    // One that moves shows what criu does to it.
    const due = this.#holder.jobs.filter((job) => job.isSettled && nowMs() - checkedMs(job) >= CHECK_MS)
    for (const job of due.toSorted((one, another) => checkedMs(one) - checkedMs(another)).slice(0, CHECKS_A_TICK)) this.check(job)
  }
}
