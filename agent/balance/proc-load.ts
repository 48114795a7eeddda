import { meminfoKiB } from '../os/meminfo.ts'

/** Figures of the kernel that load is made of, taken out of the texts of its files (proc(5), cgroup-v2, PSI). A figure that is not there counts as 0. */

/** CPU time of all CPUs since boot, in ticks. */
export interface CpuTicks {
  busy: number
  total: number
}

/** /proc/stat; time given to guests is in `user` already, time waiting for disks counts as idle. */
export function parseCpuTicks(stat: string): CpuTicks {
  const fields = (/^cpu +(.*)$/m.exec(stat)?.[1] ?? '').split(' ').map(Number)
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0] = fields
  const busy = user + nice + system + irq + softirq
  return { busy, total: busy + idle + iowait }
}

export interface Memory {
  totalKiB: number
  /** What a program could have without anything being swapped out. */
  availableKiB: number
}

/**
 * MemAvailable counts files in use, too. The programs of the node itself are such files, and the kernel rather swaps than drops those: measured on
 * a node of 512 MB, it looks for memory to take back (MemFree falls to the low watermark, 28 MiB) with 120 MiB of MemAvailable left.
 */
const RECLAIM_BEGINS_KIB = 120 * 1024
/** What the programs of a move take while a job leaves, measured there, too. */
const MOVE_NEEDS_KIB = 12 * 1024

export function parseMemory(meminfo: string): Memory {
  return { totalKiB: meminfoKiB(meminfo, 'MemTotal'), availableKiB: Math.max(0, meminfoKiB(meminfo, 'MemAvailable') - RECLAIM_BEGINS_KIB - MOVE_NEEDS_KIB) }
}

const PAGE_KIB = 4

/** KiB swapped out since boot, from /proc/vmstat. */
export function parseSwappedOutKiB(vmstat: string): number {
  return Number(/^pswpout (\d+)$/m.exec(vmstat)?.[1] ?? 0) * PAGE_KIB
}

/** Microseconds in which some process waited, from a pressure file (/proc/pressure/memory, cpu.pressure). */
export function parseStalledUs(pressure: string): number {
  return Number(/^some .*total=(\d+)$/m.exec(pressure)?.[1] ?? 0)
}

/** CPU seconds a control group has used, from its cpu.stat. */
export function parseGroupCpuSeconds(cpuStat: string): number {
  return Number(/^usage_usec (\d+)$/m.exec(cpuStat)?.[1] ?? 0) / 1e6
}

/** Memory of a control group that goes along when it moves, from its memory.stat: not the page cache, which the files' node has. */
export function parseGroupRssKiB(memoryStat: string): number {
  const bytes = (name: string): number => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(memoryStat)?.[1] ?? 0)
  return Math.round((bytes('anon') + bytes('shmem')) / 1024)
}

/** State and number of threads of a process, from /proc/PID/stat; the name in it may hold anything, so fields count from its last bracket. */
export function parseProcessState(stat: string): { runnable: boolean; threads: number } {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { runnable: fields[0] === 'R', threads: Number(fields[17] ?? 1) }
}
