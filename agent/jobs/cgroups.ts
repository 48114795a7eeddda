import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import type { JobId, Limits } from '../../schema/job.ts'
import { readProcFigures } from '../api/proc-figures.ts'
import { readTextIfThere } from '../os/files.ts'
import { once } from '../os/once.ts'
import { run } from '../os/run.ts'
import { CpuShares } from './cpu-shares.ts'
import { MovingJobs } from './moving-jobs.ts'

/** Control groups (version 2) of jobs: `plump/own/JOB` for this node's own, `plump/guests/JOB` for those of others. */
const MOUNT = '/sys/fs/cgroup'
const CONTROLLERS = '+memory +cpu +pids'
const CPU_PERIOD_US = 100_000
const CPU_PERIOD_LONGEST_US = 1_000_000
const CPU_QUOTA_LEAST_US = 1_000
/** A fork bomb must leave the node its shells. */
const PROCESSES_LIMIT = 4_096
/** What guests together leave free beside what the node itself uses: 1/16 of its memory, at least 64 MiB. */
const LEFT_FREE = 1 / 16
const LEFT_FREE_LEAST_BYTES = 64 * 1024 * 1024

export const movingJobs = new MovingJobs()
export const cpuShares = new CpuShares(`${MOUNT}/plump`, movingJobs)

/** Mounts the hierarchy and makes the two groups; once, at the first job. */
export const prepareCgroups = once(mountCgroups)

async function mountCgroups(): Promise<void> {
  if (!existsSync(`${MOUNT}/cgroup.procs`)) await run('mount', ['-t', 'cgroup2', '-o', 'nosuid,nodev,noexec', 'cgroup2', MOUNT])
  writeFileSync(`${MOUNT}/cgroup.subtree_control`, CONTROLLERS)
  for (const group of ['plump', 'plump/own', 'plump/guests']) {
    mkdirSync(`${MOUNT}/${group}`, { recursive: true })
    writeFileSync(`${MOUNT}/${group}/cgroup.subtree_control`, CONTROLLERS)
  }
  cpuShares.apply()
  // The kernel ends a guest before the node itself runs out; the node's own jobs are its users' business.
  const { memoryTotalKiB, memoryUsedKiB } = readProcFigures()
  const jobsBytes = Number(readFileSync(`${MOUNT}/plump/memory.current`, 'utf8'))
  writeFileSync(`${MOUNT}/plump/guests/memory.max`, String(guestsLimit({ totalBytes: memoryTotalKiB * 1024, usedBytes: memoryUsedKiB * 1024, jobsBytes })))
  // What is swapped lies in the node's own memory (zram), where this limit would not count it.
  writeFileSync(`${MOUNT}/plump/guests/memory.swap.max`, '0')
}

/** Bytes that the guests of a node may use together, by what all of it uses now and its jobs of that. */
export function guestsLimit({ totalBytes, usedBytes, jobsBytes }: { totalBytes: number; usedBytes: number; jobsBytes: number }): number {
  const nodeBytes = Math.max(0, usedBytes - jobsBytes)
  return Math.max(0, Math.floor(totalBytes - nodeBytes - Math.max(LEFT_FREE_LEAST_BYTES, totalBytes * LEFT_FREE)))
}

/** Path of a job's group. */
export function cgroupOf(id: JobId, isGuest: boolean): string {
  return `${MOUNT}/plump/${isGuest ? 'guests' : 'own'}/${id}`
}

/** Makes a job's group with its limits. A job that exceeds its memory is ended as a whole: half a job is of no use. */
export function makeCgroup(cgroup: string, limits: Limits): void {
  mkdirSync(cgroup, { recursive: true })
  writeFileSync(`${cgroup}/memory.oom.group`, '1')
  writeFileSync(`${cgroup}/pids.max`, String(PROCESSES_LIMIT))
  if (limits.memoryBytes !== undefined) {
    writeFileSync(`${cgroup}/memory.max`, String(limits.memoryBytes))
    writeFileSync(`${cgroup}/memory.swap.max`, '0')
  }
  limitCpus(cgroup, limits.cpus)
}

/** How many CPUs a job may use, down to a thousandth of one; undefined: all. One that has ended has no limit to set. */
export function limitCpus(cgroup: string, cpus: number | undefined): void {
  // The kernel takes no quota below 1 ms, and no period above 1 s: what is to have less of the CPU has it less often.
  const periodUs = cpus === undefined ? CPU_PERIOD_US : Math.min(CPU_PERIOD_LONGEST_US, Math.max(CPU_PERIOD_US, Math.round(CPU_QUOTA_LEAST_US / cpus)))
  const quota = cpus === undefined ? 'max' : Math.max(CPU_QUOTA_LEAST_US, Math.round(cpus * periodUs))
  try {
    writeFileSync(`${cgroup}/cpu.max`, `${quota} ${periodUs}`)
  } catch (error) {
    if (existsSync(cgroup)) throw error
  }
}

/** Ids, as this node counts them, of all processes of a job. */
export function processesIn(cgroup: string): number[] {
  return (readTextIfThere(`${cgroup}/cgroup.procs`) ?? '').split('\n').filter((line) => line !== '').map(Number)
}

export function killCgroup(cgroup: string): void {
  if (existsSync(cgroup)) writeFileSync(`${cgroup}/cgroup.kill`, '1')
}

/** Takes an empty group away; one that still has processes stays, which is false. */
export function removeCgroup(cgroup: string): boolean {
  try {
    rmdirSync(cgroup)
    return true
  } catch {
    return !existsSync(cgroup)
  }
}

/** What a group uses. Throws when it is gone. */
export function cgroupFigures(cgroup: string): { cpuSeconds: number; memoryBytes: number; processes: number } {
  const number = (file: string, pattern: RegExp): number => Number(pattern.exec(readFileSync(`${cgroup}/${file}`, 'utf8'))?.[1] ?? 0)
  return {
    cpuSeconds: number('cpu.stat', /^usage_usec (\d+)/m) / 1e6,
    memoryBytes: number('memory.current', /^(\d+)/),
    processes: number('pids.current', /^(\d+)/),
  }
}

/** How often the kernel has ended a process of a group for want of memory. */
export function memoryKillsIn(cgroup: string): number {
  return Number(/^oom_kill (\d+)/m.exec(readTextIfThere(`${cgroup}/memory.events`) ?? '')?.[1] ?? 0)
}
