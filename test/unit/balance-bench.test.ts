import { expect, test } from 'vitest'
import type { JobsFigures } from '../../builder/bench/balance-figures.ts'
import { balanceTable, moveCpuSeconds, movesMs } from '../../builder/bench/balance-report.ts'
import { parseCpuUse } from '../../builder/bench/cpu-use.ts'

const FIGURES: JobsFigures = {
  chunksPerSecond: 33, chunksPerJob: 125,
  perfect: { ms: 100_000, jobCpuSeconds: 240, otherCpuSeconds: 60 },
  moved: { ms: 115_000, jobCpuSeconds: 246, otherCpuSeconds: 87, moves: 18 },
  stayed: { ms: 205_000, jobCpuSeconds: 190, otherCpuSeconds: 100 },
}

test('moves cost what others use beyond what they use in as long without moves, and what their jobs use beyond their need', () => {
  expect(moveCpuSeconds(FIGURES)).toBe(24)
  expect(moveCpuSeconds({ ...FIGURES, moved: { ...FIGURES.moved, otherCpuSeconds: 50 } })).toBe(0)
})

test('what the moves take is taken from the jobs\' part of the nodes', () => {
  expect(movesMs(FIGURES)).toBe(10_000)
})

test('jobs that move are to be done within 10 % of the perfect time and what the moves take', () => {
  const table = (others: number): string => balanceTable({ balanceMs: 60_000, balanceMoves: 8, jobs: [{ ...FIGURES, moved: { ...FIGURES.moved, otherCpuSeconds: others } }] })
  expect(table(87)).toMatch(/with moves +115\.0 s, .*, 18 moves +<= 120\.0 s .* reached\n {2}without +205\.0 s = 1\.78 x with$/)
  expect(table(74)).toMatch(/with moves +115\.0 s, .* missed\n/)
})

test('what a node uses is told apart from what its jobs use', () => {
  const text = ['107.21 12.00', 'cpu  1000 200 300 9000 50 10 20 0 0 0', 'usage_usec 4000000', 'user_usec 1', 'usage_usec 2500000', 'user_usec 1'].join('\n')
  expect(parseCpuUse(text)).toEqual({ uptimeSeconds: 107.21, busySeconds: 15.3, jobSeconds: 6.5 })
})
