import { availableParallelism } from 'node:os'
import { readFileSync } from 'node:fs'
import type { AdminSettings, NodeFigures } from '../../schema/admin-api.ts'
import type { Loads } from '../../schema/balance-api.ts'
import { STANDARD_SPEED } from '../../schema/load.ts'
import type { NodeId } from '../../schema/node-state.ts'

/** Ticks of CPU time since boot, from the first line of /proc/stat (proc(5)). */
export interface CpuTicks {
  busy: number
  total: number
}

export function parseCpuTicks(stat: string): CpuTicks {
  const ticks = (/^cpu +(.*)$/m.exec(stat)?.[1] ?? '').split(' ').slice(0, 8).map(Number)
  const total = ticks.reduce((sum, each) => sum + each, 0)
  const [, , , idle = 0, waiting = 0] = ticks
  return { busy: total - idle - waiting, total }
}

/** Percent of the time between two readings that was used; of the time since boot when nothing has passed. */
export function utilisation(before: CpuTicks, now: CpuTicks): number {
  const total = now.total - before.total
  const [busy, all] = total > 0 ? [now.busy - before.busy, total] : [now.busy, now.total]
  return all <= 0 ? 0 : Math.min(100, Math.max(0, Math.round(100 * busy / all)))
}

/** Gives the function that tells this node's figures; the utilisation is that since it was called last. */
export function figuresReader(procFolder = '/proc'): (id: NodeId, settings: AdminSettings, loads: Loads) => NodeFigures {
  let ticks: CpuTicks = { busy: 0, total: 0 }
  return (id, settings, { self, measuredSpeed }) => {
    const text = (name: string): string => readFileSync(`${procFolder}/${name}`, 'utf8')
    const memory = text('meminfo')
    const kib = (name: string): number => Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(memory)?.[1] ?? 0)
    const now = parseCpuTicks(text('stat'))
    const used = utilisation(ticks, now)
    ticks = now
    return {
      id, settings, cpus: availableParallelism(), speed: settings.speed ?? measuredSpeed ?? STANDARD_SPEED,
      // The load by which nodes are balanced, as gossip tells it; before there is one, that of the last minute.
      load: self?.load ?? Number(/^[\d.]+/.exec(text('loadavg'))?.[0] ?? 0),
      memoryTotalKiB: kib('MemTotal'), memoryFreeKiB: kib('MemFree'), memoryAvailableKiB: kib('MemAvailable'), utilisation: used,
    }
  }
}
