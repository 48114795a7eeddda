import type { Comparison } from './compare.ts'

/** A comparison as a text table, one policy per row. */
export function comparisonTable({ scenario, nodes, seconds, seed, policies, bound }: Comparison): string {
  const head = ['policy', 'slowdown', '95 %', 'imbalance', 'moves/job', 'returns', 'moved GiB', 'refused', 'news s', 'lost', 'jobs']
  const rows = policies.map(({ policy, report }) => [
    policy, report.averageSlowdown.toFixed(2), report.slowdown95.toFixed(2), percent(report.averageImbalance), report.movesPerJob.toFixed(2), percent(report.returnShare),
    report.movedGiB.toFixed(0), percent(report.refusedShare), (report.newsAverageMs / 1_000).toFixed(1), String(report.lost), String(report.jobs),
  ])
  rows.push(['bound', bound.average.toFixed(2), bound.slowdown95.toFixed(2), percent(0)])
  return `${scenario}: ${nodes} nodes, ${seconds} s, seed ${seed}\n${aligned([head, ...rows])}`
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  return rows.map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')).join('\n')
}
