import { JOBS, LOOPS, type BalanceFigures, type JobsFigures } from './balance-figures.ts'
import { goalTable, type GoalRow } from './goal-table.ts'

/** From the start of the last loop; in software emulation, where a move takes seconds. */
const BALANCE_LIMIT_MS = 90_000
/** Beside the perfect time, and with what the moves cost on top. */
const WITHIN = 1.1

/** The time in which all nodes together would do the jobs, if nothing were lost: from what they compute while all are busy. */
export function perfectMs({ chunksPerSecond, chunksPerJob }: Pick<JobsFigures, 'chunksPerSecond' | 'chunksPerJob'>): number {
  return JOBS * chunksPerJob / chunksPerSecond.reduce((sum, each) => sum + each, 0) * 1000
}

/**
 * By how much the moves make all of it longer when nothing else is lost: their CPU time is taken from what jobs have of the nodes, which is all but what other programs take while
 * nothing moves.
 */
export function movesMs({ moveCpuSeconds, otherShare, chunksPerSecond }: Pick<JobsFigures, 'moveCpuSeconds' | 'otherShare' | 'chunksPerSecond'>): number {
  return moveCpuSeconds * 1000 / (chunksPerSecond.length * (1 - otherShare))
}

/** The figures beside what we mean to reach. */
export function balanceRows({ balanceMs, balanceMoves, jobs }: BalanceFigures): GoalRow[] {
  return [
    { what: `${LOOPS} loops on one node: until balanced`, measured: `${seconds(balanceMs)}, ${balanceMoves} moves`, goal: `<= ${seconds(BALANCE_LIMIT_MS)}`, isReached: balanceMs <= BALANCE_LIMIT_MS },
    ...jobs.flatMap(jobsRows),
  ]
}

function jobsRows(figures: JobsFigures): GoalRow[] {
  const { chunksPerSecond, chunksPerJob, withMs, withMoves, moveCpuSeconds, otherShare, withoutMs } = figures
  const perfect = perfectMs(figures)
  const goalMs = WITHIN * perfect + movesMs(figures)
  return [
    { what: `${JOBS} jobs of ${chunksPerJob} chunks: perfect`, measured: `${seconds(perfect)}, at ${chunksPerSecond.map((rate) => rate.toFixed(1)).join(' + ')} chunks/s`, goal: '' },
    { what: '  the moves', measured: `${seconds(moveCpuSeconds * 1000)} of CPU = ${seconds(movesMs(figures))} of all nodes, of which others have ${Math.round(otherShare * 100)} %`, goal: '' },
    { what: '  with moves', measured: `${seconds(withMs)}, ${withMoves} moves`, goal: `<= ${seconds(goalMs)} (1.1 x perfect + moves)`, isReached: withMs <= goalMs },
    { what: '  without', measured: `${seconds(withoutMs)} = ${(withoutMs / withMs).toFixed(2)} x with`, goal: '' },
  ]
}

/** The rows as an aligned text table. */
export function balanceTable(figures: BalanceFigures): string {
  return goalTable(balanceRows(figures))
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
