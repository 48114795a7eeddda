import { LOAD_LIMIT, STANDARD_SPEED } from '../../schema/load.ts'

/**
 * A node's load, once a second, in two views (MOSIX's asymmetric smoothing): the node itself sees its load rise slowly, so that
 * a short burst sends no job away; the others see it rise at once and fall slowly, so that nobody runs after a moment's idleness.
 */
export interface LoadViews {
  /** What the node decides by: rises slowly, falls at once. */
  own: number
  /** What the others decide by: rises at once, falls slowly. */
  exported: number
}

/** Weight of the old value while the own view rises, and while the exported view falls. */
const RISING_OWN_KEEPS = 5 / 8
const FALLING_EXPORTED_KEEPS = 7 / 8

export const IDLE: LoadViews = { own: 0, exported: 0 }

/** The views after one more second in which the load was `sample` (standard CPUs' worth of runnable processes). */
export function smoothLoad(views: LoadViews, sample: number): LoadViews {
  const bounded = Math.min(LOAD_LIMIT, Math.max(0, sample))
  return {
    own: bounded > views.own ? mix(views.own, bounded, RISING_OWN_KEEPS) : bounded,
    exported: bounded < views.exported ? mix(views.exported, bounded, FALLING_EXPORTED_KEEPS) : bounded,
  }
}

function mix(old: number, sample: number, keep: number): number {
  return old * keep + sample * (1 - keep)
}

/** What a node can do, in standard CPUs. */
export function capacityOf({ cpus, speed }: { cpus: number; speed: number }): number {
  return cpus * speed / STANDARD_SPEED
}

/** Runnable processes as load: divided by what the node can do. */
export function standardLoad(runnable: number, node: { cpus: number; speed: number }): number {
  return runnable / capacityOf(node)
}
