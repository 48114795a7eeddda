import { existsSync, writeFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { namesIn } from '../os/files.ts'
import type { MovingJobs } from './moving-jobs.ts'

/**
 * All jobs together beside each process of the node itself, 100 being as much as one of those: agent, criu and the mesh have little to do, and while
 * they wait for a CPU, jobs elsewhere wait for them.
 */
const JOBS_WEIGHT = 20
/** The same while one of them stands still and they do not give way. */
const JOBS_WEIGHT_STANDING = 100
/**
 * While one of them stands still, jobs as a whole give way to the node's own programs for so long, and then share with them for so long, in turn. What is dumped or
 * restored is among them, and while they give way has nothing of a CPU that the mesh takes for the pages of another job.
 */
const GIVING_WAY_MS = 3_000
const SHARING_MS = 1_000
/** What a job's group weighs; the default of the kernel. While it moves it comes before the others. */
const WEIGHT = 100
const MOVING_WEIGHT = 10_000

const KINDS = ['own', 'guests'] as const

/**
 * How jobs share the CPUs of a node, by their control groups. While a job stands still for a move, all others, and most of the time jobs as a whole, are idle groups,
 * which whoever wakes up displaces at once: criu and the processes it steps through hand over to each other some hundred times, and beside a busy job each of them
 * would wait for the end of its slice.
 */
export class CpuShares {
  readonly #root: string
  readonly #moving: MovingJobs
  /** What each group has. */
  readonly #given = new Map<string, number | 'idle'>()
  #numbers = { own: 1, guests: 1 }
  #givesWay = false
  #turn: NodeJS.Timeout | undefined

  /** @param root the control group of all jobs, with `own` and `guests` in it. */
  constructor(root: string, moving: MovingJobs) {
    this.#root = root
    this.#moving = moving
    moving.watch(() => this.#follow())
  }

  /** Own jobs and guests share the CPUs by their numbers: one guest beside nine own jobs gets a tenth and not half. */
  shareByNumbers(own: number, guests: number): void {
    this.#numbers = { own: Math.max(1, own), guests: Math.max(1, guests) }
    this.#shareAmongKinds(this.#moving.standing)
  }

  #follow(): void {
    clearTimeout(this.#turn)
    this.#givesWay = false
    if (this.#moving.standing.length > 0) this.#takeTurns()
    this.apply()
  }

  #takeTurns(): void {
    this.#givesWay = !this.#givesWay
    this.#turn = setTimeout(() => {
      this.#takeTurns()
      this.apply()
    }, this.#givesWay ? GIVING_WAY_MS : SHARING_MS)
  }

  /** Sets all shares: at first also what an agent before this one may have left. */
  apply(): void {
    const { standing } = this.#moving
    const kinds = KINDS.map((kind) => `${this.#root}/${kind}`)
    // The files of a control group have a dot in their names, a job's id has none.
    const jobs = kinds.flatMap((kind) => namesIn(kind).filter((name) => !name.includes('.')).map((name) => `${kind}/${name}`))
    const groups = new Set([this.#root, ...kinds, ...jobs])
    // One of the same name may come, which has what the kernel gives it.
    for (const gone of this.#given.keys()) if (!groups.has(gone)) this.#given.delete(gone)
    if (this.#givesWay) this.#share(this.#root, 'idle')
    else this.#share(this.#root, standing.length > 0 ? JOBS_WEIGHT_STANDING : JOBS_WEIGHT)
    this.#shareAmongKinds(standing)
    for (const job of jobs) {
      if (standing.length > 0 && !standing.includes(job)) this.#share(job, 'idle')
      else this.#share(job, this.#moving.has(job) ? MOVING_WEIGHT : WEIGHT)
    }
  }

  #shareAmongKinds(standing: readonly string[]): void {
    for (const kind of KINDS) {
      const isIdle = standing.length > 0 && !standing.some((cgroup) => basename(dirname(cgroup)) === kind)
      this.#share(`${this.#root}/${kind}`, isIdle ? 'idle' : Math.min(MOVING_WEIGHT, WEIGHT * this.#numbers[kind]))
    }
  }

  /** Sets the share of a group, if it is there and has another. One that was idle has the kernel's default weight afterwards, so the weight is written behind it. */
  #share(cgroup: string, weight: number | 'idle'): void {
    if (this.#given.get(cgroup) === weight || !existsSync(`${cgroup}/cpu.idle`)) return
    this.#given.set(cgroup, weight)
    writeFileSync(`${cgroup}/cpu.idle`, weight === 'idle' ? '1' : '0')
    if (weight !== 'idle') writeFileSync(`${cgroup}/cpu.weight`, String(weight))
  }
}
