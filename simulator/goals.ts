import type { Comparison } from './compare.ts'

/** What our balancer means to reach, scenario by scenario. */
const SLOWDOWN_OF_ROUND_ROBIN = 0.72
const MOVES_PER_JOB = 1.5
const RETURN_SHARE = 0.01
const WALL_SECONDS_AT_10000 = 600
const PEAK_RSS_MB = 2_048
const RECOVERY_SECONDS = 60

export interface Goal {
  what: string
  reached: boolean
}

/** Which goals a comparison reaches; those that need a policy that was not run are left out. */
export function goalsOf(comparison: Comparison): Goal[] {
  const of = (name: string): Comparison['policies'][number] | undefined => comparison.policies.find(({ policy }) => policy === name)
  const ours = of('ours')
  if (ours === undefined) return []
  const { report, wallSeconds, peakRssMB } = ours
  const [turn, greedy] = [of('round-robin')?.report, of('greedy')?.report]
  const goals: Goal[] = [
    { what: `${report.movesPerJob.toFixed(2)} moves per job (< ${MOVES_PER_JOB})`, reached: report.movesPerJob < MOVES_PER_JOB },
    { what: `${(report.returnShare * 100).toFixed(2)} % returns within 30 s (< 1 %)`, reached: report.returnShare < RETURN_SHARE },
  ]
  if (turn !== undefined) {
    const share = report.averageSlowdown / turn.averageSlowdown
    goals.push({ what: `${share.toFixed(2)} of round robin's slowdown (<= ${SLOWDOWN_OF_ROUND_ROBIN})`, reached: share <= SLOWDOWN_OF_ROUND_ROBIN })
  }
  if (greedy !== undefined) {
    const share = report.averageSlowdown / greedy.averageSlowdown
    goals.push({ what: `${share.toFixed(3)} of the greedy one's slowdown (<= 1)`, reached: share <= 1 })
  }
  if (comparison.nodes >= 10_000 && comparison.seconds >= 3_600) {
    goals.push({ what: `${wallSeconds.toFixed(0)} s for an hour of ${comparison.nodes} nodes (<= ${WALL_SECONDS_AT_10000})`, reached: wallSeconds <= WALL_SECONDS_AT_10000 })
    goals.push({ what: `${peakRssMB.toFixed(0)} MB (<= ${PEAK_RSS_MB})`, reached: peakRssMB <= PEAK_RSS_MB })
  }
  return goals
}

/**
 * Seconds after `crashSecond` until the cluster is as well balanced as in the minute before, on average over 5 s; undefined when it
 * never is again.
 */
export function recoverySeconds(imbalance: readonly number[], crashSecond: number): number | undefined {
  const before = average(imbalance.slice(crashSecond - 60, crashSecond))
  for (let second = crashSecond + 1; second + 5 <= imbalance.length; second++) {
    // One idle CPU more or less in a hundred is noise.
    if (average(imbalance.slice(second, second + 5)) <= before + 0.01) return second - crashSecond
  }
  return undefined
}

export function recoveryGoal(imbalance: readonly number[], crashSecond: number): Goal {
  const seconds = recoverySeconds(imbalance, crashSecond)
  return { what: `balanced ${seconds ?? 'never'} s after a tenth of the nodes died (<= ${RECOVERY_SECONDS})`, reached: seconds !== undefined && seconds <= RECOVERY_SECONDS }
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
}
