import { readFileSync } from 'node:fs'
import { meminfoKiB } from '../os/meminfo.ts'

/** Load, memory and uptime of this machine. */
export interface ProcFigures {
  /** One-minute load average. */
  load: number
  memoryTotalKiB: number
  /** What programs and tmpfs hold and cannot be had back: MemTotal - MemAvailable, as `free` of procps 4 counts it. */
  memoryUsedKiB: number
  uptimeSeconds: number
}

/** Reads the figures from `folder`, which is /proc but in tests. */
export function readProcFigures(folder = '/proc'): ProcFigures {
  const text = (name: string): string => readFileSync(`${folder}/${name}`, 'utf8')
  return parseProcFigures(text('loadavg'), text('meminfo'), text('uptime'))
}

/** Takes the texts of /proc/loadavg, meminfo and uptime apart (formats: proc(5)); a figure that is not there counts as 0. */
export function parseProcFigures(loadavg: string, meminfo: string, uptime: string): ProcFigures {
  const memoryTotalKiB = meminfoKiB(meminfo, 'MemTotal')
  return {
    load: firstNumber(loadavg),
    memoryTotalKiB,
    memoryUsedKiB: Math.max(0, memoryTotalKiB - meminfoKiB(meminfo, 'MemAvailable')),
    uptimeSeconds: firstNumber(uptime),
  }
}

function firstNumber(text: string): number {
  return Number(/^\d+(?:\.\d+)?/.exec(text)?.[0] ?? 0)
}
