import { existsSync, writeFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { jobIdSchema } from '../../schema/job.ts'
import { namesIn } from '../os/files.ts'

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

/** `copying`: it still runs; `standing`: it is dumped or restored, and whatever its user waits for stands still with it. */
export type MovePhase = 'copying' | 'standing'

/**
 * How jobs share the CPUs of a node, by their control groups. While a job stands still for a move, all others, and most of the time jobs as a whole, are idle groups,
 * which whoever wakes up displaces at once: criu and the processes it steps through hand over to each other some hundred times, and beside a busy job each of them
 * would wait for the end of its slice.
 */
export class CpuShares {
  readonly #root: string
  readonly #moving = new Map<string, MovePhase>()
  #numbers = { own: 1, guests: 1 }
  #givesWay = false
  #turn: NodeJS.Timeout | undefined

  /** @param root the control group of all jobs, with `own` and `guests` in it. */
  constructor(root: string) {
    this.#root = root
  }

  /** Own jobs and guests share the CPUs by their numbers: one guest beside nine own jobs gets a tenth and not half. */
  shareByNumbers(own: number, guests: number): void {
    this.#numbers = { own: Math.max(1, own), guests: Math.max(1, guests) }
    this.#shareAmongKinds(this.#standing())
  }

  /** What the job of that group is at; undefined when it does not move, or not any more. */
  setMoving(cgroup: string, phase: MovePhase | undefined): void {
    if (phase === undefined) this.#moving.delete(cgroup)
    else this.#moving.set(cgroup, phase)
    clearTimeout(this.#turn)
    this.#givesWay = false
    if (this.#standing().length > 0) this.#takeTurns()
    this.apply()
  }

  #takeTurns(): void {
    this.#givesWay = !this.#givesWay
    this.#turn = setTimeout(() => {
      this.#takeTurns()
      this.apply()
    }, this.#givesWay ? GIVING_WAY_MS : SHARING_MS)
  }

  /** Sets all shares: also what an agent before this one may have left. */
  apply(): void {
    const standing = this.#standing()
    if (this.#givesWay) share(this.#root, 'idle')
    else share(this.#root, standing.length > 0 ? JOBS_WEIGHT_STANDING : JOBS_WEIGHT)
    this.#shareAmongKinds(standing)
    for (const kind of KINDS) {
      for (const name of namesIn(`${this.#root}/${kind}`)) {
        const cgroup = `${this.#root}/${kind}/${name}`
        if (!jobIdSchema.safeParse(name).success) continue
        if (standing.length > 0 && !standing.includes(cgroup)) share(cgroup, 'idle')
        else share(cgroup, this.#moving.has(cgroup) ? MOVING_WEIGHT : WEIGHT)
      }
    }
  }

  #standing(): string[] {
    return [...this.#moving].flatMap(([cgroup, phase]) => (phase === 'standing' ? [cgroup] : []))
  }

  #shareAmongKinds(standing: readonly string[]): void {
    for (const kind of KINDS) {
      const isIdle = standing.length > 0 && !standing.some((cgroup) => basename(dirname(cgroup)) === kind)
      share(`${this.#root}/${kind}`, isIdle ? 'idle' : Math.min(MOVING_WEIGHT, WEIGHT * this.#numbers[kind]))
    }
  }
}

/** Sets the share of a group, if it is there. One that was idle has the kernel's default weight afterwards, so the weight is written behind it. */
function share(cgroup: string, weight: number | 'idle'): void {
  if (!existsSync(`${cgroup}/cpu.idle`)) return
  writeFileSync(`${cgroup}/cpu.idle`, weight === 'idle' ? '1' : '0')
  if (weight !== 'idle') writeFileSync(`${cgroup}/cpu.weight`, String(weight))
}
