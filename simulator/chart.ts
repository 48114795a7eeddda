import type { Comparison } from './compare.ts'

const WIDTH = 760
const PLOT = { left: 56, top: 44, width: 560, height: 180 }
const POINTS_LIMIT = 280
const COLOURS: Record<string, string> = { 'none': '#9a9a9a', 'round-robin': '#c2762b', 'greedy': '#2b6cc2', 'ours': '#1f8a4c' }

/** An SVG of a comparison: imbalance over time as lines, average and 95th-percentile slowdown as bars. */
export function comparisonChart(comparison: Comparison): string {
  const { scenario, nodes, seconds, policies } = comparison
  const height = PLOT.top + PLOT.height + 60 + policies.length * 26 + 40
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12" fill="#222">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="${PLOT.left}" y="22" font-size="15">${scenario}: ${nodes} nodes, ${seconds} s. Idle CPUs while jobs wait elsewhere</text>`,
    ...lines(comparison),
    ...bars(comparison, PLOT.top + PLOT.height + 60),
    '</svg>',
  ].join('\n')
}

function lines({ policies, seconds }: Comparison): string[] {
  const series = policies.map(({ policy, report }) => ({ policy, points: thinned(report.imbalance) }))
  const top = Math.max(0.05, ...series.flatMap(({ points }) => points))
  const bottom = PLOT.top + PLOT.height
  const y = (value: number): number => bottom - value / top * PLOT.height
  const grid = [0, 0.5, 1].flatMap((part) => [
    `<line x1="${PLOT.left}" x2="${PLOT.left + PLOT.width}" y1="${y(part * top)}" y2="${y(part * top)}" stroke="#ddd"/>`,
    `<text x="${PLOT.left - 6}" y="${y(part * top) + 4}" text-anchor="end">${(part * top * 100).toFixed(0)} %</text>`,
  ])
  const curves = series.map(({ policy, points }, index) => {
    const path = points.map((value, at) => `${(PLOT.left + at / Math.max(1, points.length - 1) * PLOT.width).toFixed(1)},${y(value).toFixed(1)}`).join(' ')
    const label = `<text x="${PLOT.left + PLOT.width + 12}" y="${PLOT.top + 14 + index * 18}" fill="${COLOURS[policy]}">${policy}</text>`
    return `<polyline fill="none" stroke="${COLOURS[policy]}" stroke-width="1.4" points="${path}"/>${label}`
  })
  return [...grid, ...curves, `<text x="${PLOT.left + PLOT.width}" y="${bottom + 18}" text-anchor="end">${seconds} s</text>`, `<text x="${PLOT.left}" y="${bottom + 18}">0</text>`]
}

function bars({ policies, bound }: Comparison, top: number): string[] {
  const rows = [...policies.map(({ policy, report }) => ({ name: policy as string, average: report.averageSlowdown, p95: report.slowdown95 })), { name: 'bound', average: bound.average, p95: bound.slowdown95 }]
  // A policy that lets nodes swap is off the scale; its figure stands beside the bar.
  const longest = Math.max(...rows.filter(({ name }) => name === 'ours' || name === 'greedy' || name === 'bound').map(({ p95 }) => p95)) * 2
  const x = (value: number): number => Math.min(PLOT.width, value / longest * PLOT.width)
  return [
    `<text x="${PLOT.left}" y="${top - 8}">Slowdown: average (full) and 95 % (pale)</text>`,
    ...rows.flatMap(({ name, average, p95 }, index) => [
      `<text x="${PLOT.left - 6}" y="${top + index * 26 + 15}" text-anchor="end" font-size="10">${name}</text>`,
      `<rect x="${PLOT.left}" y="${top + index * 26 + 2}" width="${x(p95).toFixed(1)}" height="18" fill="${COLOURS[name] ?? '#777'}" opacity="0.3"/>`,
      `<rect x="${PLOT.left}" y="${top + index * 26 + 2}" width="${x(average).toFixed(1)}" height="18" fill="${COLOURS[name] ?? '#777'}"/>`,
      `<text x="${PLOT.left + PLOT.width + 12}" y="${top + index * 26 + 15}">${average.toFixed(2)} / ${p95.toFixed(2)}</text>`,
    ]),
  ]
}

/** At most so many points, each the average of its stretch. */
function thinned(values: readonly number[]): number[] {
  const stretch = Math.max(1, Math.ceil(values.length / POINTS_LIMIT))
  const points: number[] = []
  for (let at = 0; at < values.length; at += stretch) {
    const part = values.slice(at, at + stretch)
    points.push(part.reduce((sum, value) => sum + value, 0) / part.length)
  }
  return points
}
