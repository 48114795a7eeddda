import { readlinkSync } from 'node:fs'
import { readTextIfThere } from '../os/files.ts'
import { processesIn } from './cgroups.ts'

/** A process of a job, by its id on this node. */
export interface JobProcess {
  pid: number
  /** Its id in the job's own pid namespace; 1 is init. */
  innerPid: number
  parent: number
  processGroup: number
  /** Foreground process group of its terminal, -1 without one. */
  foregroundGroup: number
  state: string
  niceness: number
}

/** All processes of a job, those that just ended left out. */
export function processesOfJob(cgroup: string): JobProcess[] {
  return processesIn(cgroup).flatMap((pid) => readProcess(pid) ?? [])
}

function readProcess(pid: number): JobProcess | undefined {
  const stat = readTextIfThere(`/proc/${pid}/stat`)
  const status = readTextIfThere(`/proc/${pid}/status`)
  if (stat === undefined || status === undefined) return undefined
  return parseProcess(pid, stat, status)
}

/** Takes /proc/PID/stat and status apart (proc_pid_stat(5)); the command's name may have anything in it, so fields count from its closing bracket. */
export function parseProcess(pid: number, stat: string, status: string): JobProcess {
  return { pid, innerPid: Number(/^NSpid:.*\s(\d+)$/m.exec(status)?.[1] ?? pid), ...parseStat(stat) }
}

/** Of /proc/PID/stat alone. */
export function parseStat(stat: string): Omit<JobProcess, 'pid' | 'innerPid'> {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? '?', parent: Number(fields[1]), processGroup: Number(fields[2]), foregroundGroup: Number(fields[5]), niceness: Number(fields[16]) }
}

/** Init of a job and its command, which is init's first child; undefined when they have ended or are not there yet. */
export function initAndMain(processes: readonly JobProcess[]): { init: JobProcess | undefined; main: JobProcess | undefined } {
  const init = processes.find((process) => process.innerPid === 1)
  const children = processes.filter((process) => init !== undefined && process.parent === init.pid)
  return { init, main: children.toSorted((a, b) => a.innerPid - b.innerPid)[0] }
}

/** What job-start turns into when the job's root stands. */
const INIT_NAME = 'busybox'

/** Whether the job stands on its own mounts: job-start makes them out of the node's, which would look like some that the job made. */
export function hasItsRoot(processes: readonly JobProcess[]): boolean {
  const { init } = initAndMain(processes)
  return init !== undefined && readTextIfThere(`/proc/${init.pid}/comm`)?.trim() === INIT_NAME
}

/** A job is stopped when its command is. */
export function isStopped(processes: readonly JobProcess[]): boolean {
  return initAndMain(processes).main?.state === 'T'
}

/** The terminal that a process has as stdin, as in /dev/pts/3; undefined without one. */
export function terminalOf(pid: number): string | undefined {
  try {
    const target = readlinkSync(`/proc/${pid}/fd/0`)
    return target.startsWith('/dev/pts/') ? target : undefined
  } catch {
    return undefined
  }
}
