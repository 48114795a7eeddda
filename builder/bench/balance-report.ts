import { JOBS, LOOPS, type BalanceFigures, type JobsFigures, type JobsRun } from './balance-figures.ts'
import { goalTable, type GoalRow } from './goal-table.ts'

/** From the start of the last loop; in software emulation, where a move takes seconds. */
const BALANCE_LIMIT_MS = 90_000
/** Beside the perfect time, and with what the moves cost on top. */
const WITHIN = 1.1

/**
 * CPU seconds that moves took on all nodes: of other programs than jobs beyond what those use in the same time without moves, and in the jobs' own groups, where a job is
 * dumped and restored, beyond what the jobs need.
 */
export function moveCpuSeconds({ perfect, moved }: Pick<JobsFigures, 'perfect' | 'moved'>): number {
  const others = moved.otherCpuSeconds - perfect.otherCpuSeconds * moved.ms / perfect.ms
  return Math.max(0, others + moved.jobCpuSeconds - perfect.jobCpuSeconds)
}

/** By how much the moves make all of it longer when nothing else is lost: their CPU time is taken from what is left to jobs of the nodes, which the perfect run shows. */
export function movesMs(figures: Pick<JobsFigures, 'perfect' | 'moved'>): number {
  return moveCpuSeconds(figures) * figures.perfect.ms / figures.perfect.jobCpuSeconds
}

/** The figures beside what we mean to reach. */
export function balanceRows({ balanceMs, balanceMoves, jobs }: BalanceFigures): GoalRow[] {
  return [
    { what: `${LOOPS} loops on one node: until balanced`, measured: `${seconds(balanceMs)}, ${balanceMoves} moves`, goal: `<= ${seconds(BALANCE_LIMIT_MS)}`, isReached: balanceMs <= BALANCE_LIMIT_MS },
    ...jobs.flatMap(jobsRows),
  ]
}

function jobsRows(figures: JobsFigures): GoalRow[] {
  const { chunksPerSecond, chunksPerJob, perfect, moved, stayed } = figures
  const goalMs = WITHIN * perfect.ms + movesMs(figures)
  const loopMs = JOBS * chunksPerJob * 1000 / chunksPerSecond
  const loopGoalMs = WITHIN * loopMs + movesMs(figures)
  return [
    { what: `${JOBS} jobs of ${chunksPerJob} chunks: perfect`, measured: `${seconds(perfect.ms)}, ${cpu(perfect)}`, goal: '' },
    { what: '  as much in one loop on each node', measured: seconds(loopMs), goal: `with moves <= ${seconds(loopGoalMs)} (1.1 x this + moves)`, isReached: moved.ms <= loopGoalMs },
    { what: '  the moves', measured: `${seconds(moveCpuSeconds(figures) * 1000)} of CPU = ${seconds(movesMs(figures))} of all nodes`, goal: '' },
    { what: '  with moves', measured: `${seconds(moved.ms)}, ${cpu(moved)}, ${moved.moves} moves`, goal: `<= ${seconds(goalMs)} (1.1 x perfect + moves)`, isReached: moved.ms <= goalMs },
    { what: '  without', measured: `${seconds(stayed.ms)} = ${(stayed.ms / moved.ms).toFixed(2)} x with`, goal: '' },
  ]
}

function cpu({ jobCpuSeconds, otherCpuSeconds }: JobsRun): string {
  return `${Math.round(jobCpuSeconds)} s of CPU and ${Math.round(otherCpuSeconds)} s of others`
}

/** The rows as an aligned text table. */
export function balanceTable(figures: BalanceFigures): string {
  return goalTable(balanceRows(figures))
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
