/**
 * How much CPU a job uses, as an average over its past whose old part fades (openMosix's /proc/hpc/decay). How fast it fades is
 * the job's own choice: `slowdecay`, `fastdecay`, `nodecay`; `cpujob` and `iojob` set the figure aside.
 */
export type DecayMode = 'slow' | 'fast' | 'own' | 'none'
export type JobKind = 'mixed' | 'cpu' | 'io'

/** What of the old average is left after one interval, in thousandths; the interval in seconds (mosctl setdecay). */
export interface DecaySettings {
  intervalSeconds: number
  slow: number
  fast: number
}

export interface JobHistory {
  /** Average number of runnable processes. */
  runnable: number
  /** How long it is that the average covers. */
  seconds: number
}

export const NO_HISTORY: JobHistory = { runnable: 0, seconds: 0 }

/** The history after `seconds` more, in which on average `runnable` processes of the job could run. */
export function extendHistory(history: JobHistory, runnable: number, seconds: number, mode: DecayMode, settings: DecaySettings): JobHistory {
  if (seconds <= 0) return history
  const total = history.seconds + seconds
  const wholePast = history.seconds / total
  const fading = mode === 'none' ? 1 : (perMille(mode, settings) / 1000) ** (seconds / settings.intervalSeconds)
  // A young job has little past to fade: its average is that of its whole life.
  const keep = Math.min(wholePast, fading)
  return { runnable: history.runnable * keep + runnable * (1 - keep), seconds: total }
}

/** `own` is the choice of a job that made none: the fast one, so that a change of phase shows within half a minute. */
function perMille(mode: Exclude<DecayMode, 'none'>, { slow, fast }: DecaySettings): number {
  return mode === 'slow' ? slow : fast
}

/** The load a job is taken to be: its average, at least one process for a CPU job, and never more than its actual use of CPUs for an I/O job. */
export function jobLoad(history: JobHistory, kind: JobKind, cpusUsed: number): number {
  if (kind === 'cpu') return Math.max(1, history.runnable)
  return kind === 'io' ? Math.min(cpusUsed, history.runnable) : history.runnable
}
