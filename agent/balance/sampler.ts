import { availableParallelism } from 'node:os'
import { namesIn } from '../os/files.ts'
import { KeptFiles } from '../os/kept-files.ts'
import { cpuMs } from '../os/paced.ts'
import { parseCpuTicks, parseGroupCpuSeconds, parseGroupRssKiB, parseMemory, parseProcessState, parseStalledUs, parseSwappedOutKiB } from './proc-load.ts'
import type { CpuTicks } from './proc-load.ts'

/** A job that is held here and the control group it runs in. */
export interface GroupOfJob {
  id: string
  cgroup: string
}

/** What a job did in the last second. */
export interface JobFigures {
  runnable: number
  cpusUsed: number
  rssKiB: number
}

export interface NodeFigures {
  cpus: number
  /** Processes that could run, those of jobs and, by the CPU time they took, all others. */
  runnable: number
  utilisation: number
  memoryTotalKiB: number
  memoryFreeKiB: number
  swapOutKiBps: number
  memoryStallShare: number
  /** CPUs that other programs than jobs used. */
  otherCpus: number
  jobs: ReadonlyMap<string, JobFigures>
}

/** Of so many jobs in each look; a memory.stat is the dearest file of a control group, and memory does not come and go like runnable processes. */
const MEMORY_LOOKS = 4
/** Of so many jobs at least the rest, too, and of more as long as it takes no more of the CPU than this: a fiftieth of the second between two looks. */
const JOBS_AT_LEAST = 8
const LOOK_CPU_MS = 20
/** A file that was not read in so many looks is closed: not each job has its turn in every one. */
const FILES_KEPT_LOOKS = 10
/** Of a job with more processes or threads than this only so many are looked at. */
const PROCESSES_LIMIT = 256

interface Before {
  atMs: number
  ticks: CpuTicks
  swappedOutKiB: number
  stalledUs: number
}

/** A job when it was looked at last. */
interface Seen {
  atMs: number
  cpuSeconds: number
  runnable: number
  cpusUsed: number
}

/** Looks at /proc and at the jobs' control groups; rates are those since the look before. Of many jobs on a slow computer, those come first that were looked at longest ago. */
export class Sampler {
  readonly #proc: string
  readonly #files = new KeptFiles()
  readonly #usedMs: () => number
  #looks = 0
  #before: Before | undefined
  #others = 0
  /** The job looked at last at the end. */
  readonly #jobs = new Map<string, Seen>()
  /** Memory of each job, the job looked at last at the end. */
  #rssKiB = new Map<string, number>()

  /** @param usedMs CPU time of this process so far. */
  constructor(proc = '/proc', usedMs = cpuMs) {
    this.#proc = proc
    this.#usedMs = usedMs
  }

  look(jobs: readonly GroupOfJob[], nowMs: number): NodeFigures {
    const ticks = parseCpuTicks(this.#text('stat'))
    const memory = parseMemory(this.#text('meminfo'))
    const now: Before = {
      atMs: nowMs, ticks, swappedOutKiB: parseSwappedOutKiB(this.#text('vmstat')), stalledUs: parseStalledUs(this.#text('pressure/memory')),
    }
    const before = this.#before ?? now
    this.#before = now
    this.#lookAtMemory(jobs)
    this.#lookAtJobs(jobs, nowMs)
    const seconds = Math.max(0.001, (nowMs - before.atMs) / 1_000)
    const figures = new Map(jobs.map(({ id }) => [id, this.#figuresOf(id)]))
    if (this.#looks++ % FILES_KEPT_LOOKS === 0) this.#files.endTurn()
    const cpus = availableParallelism()
    const passed = ticks.total - before.ticks.total
    const busyShare = passed <= 0 ? 0 : Math.min(1, (ticks.busy - before.ticks.busy) / passed)
    const ofJobs = [...figures.values()]
    const others = Math.max(0, busyShare * cpus - sum(ofJobs.map(({ cpusUsed }) => cpusUsed)))
    this.#others = others
    return {
      cpus,
      runnable: sum(ofJobs.map(({ runnable }) => runnable)) + others,
      utilisation: Math.round(busyShare * 100),
      memoryTotalKiB: memory.totalKiB,
      memoryFreeKiB: memory.availableKiB,
      swapOutKiBps: Math.max(0, now.swappedOutKiB - before.swappedOutKiB) / seconds,
      memoryStallShare: Math.min(1, Math.max(0, now.stalledUs - before.stalledUs) / 1e6 / seconds),
      otherCpus: others,
      jobs: figures,
    }
  }

  /** Processes that can run at this very moment; of other programs than jobs what the last look saw. */
  runnableNow(jobs: readonly GroupOfJob[]): number {
    return sum(jobs.map(({ cgroup }) => this.#runnableIn(cgroup))) + this.#others
  }

  /** Memory that is free at this very moment. */
  memoryFreeKiB(): number {
    return parseMemory(this.#text('meminfo')).availableKiB
  }

  #figuresOf(id: string): JobFigures {
    const { runnable, cpusUsed } = this.#jobs.get(id) ?? { runnable: 0, cpusUsed: 0 }
    return { runnable, cpusUsed, rssKiB: this.#rssKiB.get(id) ?? 0 }
  }

  /** All jobs that are new, and of the others as many as there is time for. */
  #lookAtJobs(jobs: readonly GroupOfJob[], nowMs: number): void {
    const groups = new Map(jobs.map(({ id, cgroup }) => [id, cgroup]))
    for (const gone of this.#jobs.keys()) if (!groups.has(gone)) this.#jobs.delete(gone)
    const known = [...this.#jobs.keys()]
    const beforeMs = this.#usedMs()
    for (const id of groups.keys()) if (!this.#jobs.has(id)) this.#lookAtJob(id, groups.get(id) as string, nowMs)
    for (const [number, id] of known.entries()) {
      if (number >= JOBS_AT_LEAST && this.#usedMs() - beforeMs >= LOOK_CPU_MS) break
      this.#lookAtJob(id, groups.get(id) as string, nowMs)
    }
  }

  #lookAtJob(id: string, cgroup: string, nowMs: number): void {
    const before = this.#jobs.get(id)
    const cpuSeconds = parseGroupCpuSeconds(this.#files.text(`${cgroup}/cpu.stat`))
    const seconds = Math.max(0.001, (nowMs - (before?.atMs ?? nowMs)) / 1_000)
    const cpusUsed = Math.max(0, cpuSeconds - (before?.cpuSeconds ?? cpuSeconds)) / seconds
    this.#jobs.delete(id)
    // Waiting processes count as well as running ones; one that used its CPU and slept at the moment of looking is seen by its use.
    this.#jobs.set(id, { atMs: nowMs, cpuSeconds, runnable: Math.max(this.#runnableIn(cgroup), cpusUsed), cpusUsed })
  }

  /** All jobs that are new, and of the others those that were looked at longest ago. */
  #lookAtMemory(jobs: readonly GroupOfJob[]): void {
    const groups = new Map(jobs.map(({ id, cgroup }) => [id, cgroup]))
    const known = [...this.#rssKiB].filter(([id]) => groups.has(id))
    const isNew = jobs.filter(({ id }) => !this.#rssKiB.has(id)).map(({ id }) => id)
    this.#rssKiB = new Map(known.slice(MEMORY_LOOKS))
    for (const id of [...known.slice(0, MEMORY_LOOKS).map(([each]) => each), ...isNew]) {
      this.#rssKiB.set(id, parseGroupRssKiB(this.#files.text(`${groups.get(id)}/memory.stat`)))
    }
  }

  #runnableIn(cgroup: string): number {
    const pids = this.#files.text(`${cgroup}/cgroup.procs`).split('\n').filter((line) => line !== '').slice(0, PROCESSES_LIMIT)
    let runnable = 0
    for (const pid of pids) {
      const { runnable: runs, threads } = parseProcessState(this.#text(`${pid}/stat`))
      if (threads <= 1) runnable += runs ? 1 : 0
      else for (const thread of namesIn(`${this.#proc}/${pid}/task`).slice(0, PROCESSES_LIMIT)) if (parseProcessState(this.#text(`${pid}/task/${thread}/stat`)).runnable) runnable++
    }
    return runnable
  }

  #text(name: string): string {
    return this.#files.text(`${this.#proc}/${name}`)
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
