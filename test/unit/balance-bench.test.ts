import { expect, test } from 'vitest'
import type { JobsFigures } from '../../builder/bench/balance-figures.ts'
import { balanceRows, balanceTable, movesMs, perfectMs } from '../../builder/bench/balance-report.ts'
import { parseCpuUse } from '../../builder/bench/cpu-use.ts'

const FIGURES: JobsFigures = {
  chunksPerSecond: [9, 10, 11], chunksPerJob: 125, withMs: 115_000, withMoves: 18, moveCpuSeconds: 18, otherShare: 0.25, withoutMs: 205_000,
}

test('the perfect time is that in which all nodes, at what they compute when all are busy, do all jobs', () => {
  expect(perfectMs(FIGURES)).toBe(100_000)
})

test('what the moves take is taken from the jobs\' part of the nodes', () => {
  expect(movesMs(FIGURES)).toBe(8_000)
})

test('jobs that move are to be done within 10 % of the perfect time and what the moves take', () => {
  const reached = (...withMs: number[]): unknown[] => {
    const jobs = withMs.map((ms) => ({ ...FIGURES, withMs: ms }))
    return balanceRows({ balanceMs: 60_000, balanceMoves: 8, jobs }).filter(({ what }) => what === '  with moves').map(({ isReached }) => isReached)
  }
  expect(reached(118_000, 118_001)).toEqual([true, false])
  expect(balanceTable({ balanceMs: 60_000, balanceMoves: 8, jobs: [FIGURES] })).toMatch(/with moves +115\.0 s, 18 moves {2}<= 118\.0 s .* reached\n {2}without +205\.0 s = 1\.78 x with$/)
})

test('what a node uses is told apart from what its jobs use', () => {
  const text = ['107.21 12.00', 'cpu  1000 200 300 9000 50 10 20 0 0 0', 'usage_usec 4000000', 'user_usec 1', 'usage_usec 2500000', 'user_usec 1'].join('\n')
  expect(parseCpuUse(text)).toEqual({ uptimeSeconds: 107.21, busySeconds: 15.3, jobSeconds: 6.5 })
})
