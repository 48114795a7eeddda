import type { LabNode } from '../lab/lab-node.ts'
import { said } from './node-shell.ts'

/** CPU time of a node since it was switched on. */
export interface CpuUse {
  uptimeSeconds: number
  /** Of all its programs. */
  busySeconds: number
  /** Of jobs (there are no control groups before the first), those that have ended or gone included: a control group counts what its past members used. */
  jobSeconds: number
}

const TICKS_PER_SECOND = 100

export async function cpuUse(node: LabNode): Promise<CpuUse> {
  return parseCpuUse(await said(node, 'cat /proc/uptime; head -n 1 /proc/stat; cat /sys/fs/cgroup/plump/*/cpu.stat 2>/dev/null || true'))
}

/** Of /proc/uptime, the first line of /proc/stat (proc(5)) and cpu.stat of the control groups of jobs. */
export function parseCpuUse(text: string): CpuUse {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (/^cpu +.*$/m.exec(text)?.[0] ?? '').split(/ +/).map(Number)
  const ofJobs = [...text.matchAll(/^usage_usec (\d+)$/gm)].map((match) => Number(match[1]))
  return {
    uptimeSeconds: Number(/^[\d.]+/.exec(text)?.[0]),
    busySeconds: (user + nice + system + irq + softirq) / TICKS_PER_SECOND,
    jobSeconds: ofJobs.reduce((sum, each) => sum + each, 0) / 1e6,
  }
}
