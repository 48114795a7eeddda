import type { NodeRow } from '../../schema/balance-api.ts'
import { formatNodeId } from '../api/describe.ts'

export const FIGURES = ['load', 'logarithmic', 'speed', 'memory', 'utilisation'] as const
export type Figure = (typeof FIGURES)[number]

export interface ChartView {
  figure: Figure
  total: boolean
  /** Nodes that are down are shown too. */
  dead: boolean
  /** How many nodes, from the left, are scrolled out of sight. */
  scrolled?: number
}

const AXIS_COLUMNS = 8
/** A node's id and a blank. */
const COLUMN_WIDTH = 7

interface Bar {
  id: string
  /** undefined: not known. */
  value: number | undefined
  /** Memory has two parts: used is solid, free goes on as `+` up to all there is, as in the seed's monitor. */
  upTo?: number
  down: boolean
}

/** The nodes as upright bars, as many as fit, with an axis; what they are stands on the first line. */
export function barChart(rows: readonly NodeRow[], view: ChartView, { columns, rows: height }: { columns: number; rows: number }): string[] {
  const shown = rows.filter((row) => view.dead || row.state === 'alive').toSorted((a, b) => a.id - b.id)
  const fit = Math.max(1, Math.floor((columns - AXIS_COLUMNS) / COLUMN_WIDTH))
  const first = Math.min(view.scrolled ?? 0, Math.max(0, shown.length - fit))
  const bars = shown.slice(first, first + fit).map((row) => barOf(row, view.figure))
  const barRows = Math.max(3, height - (view.total ? 5 : 4))
  const top = axisTop(bars, view.figure)
  const level = (value: number): number => scaled(value, view.figure) / scaled(top, view.figure) * barRows
  const drawn = Array.from({ length: barRows }, (_, index) => {
    const row = barRows - index
    const label = row === barRows || row === 1 || row === Math.ceil(barRows / 2) ? axisLabel(unscaled(row / barRows * scaled(top, view.figure), view.figure)) : ''
    return `${label.padStart(AXIS_COLUMNS - 2)} |${bars.map((bar) => cell(bar, row, level).padStart(4).padEnd(COLUMN_WIDTH)).join('')}`.trimEnd()
  })
  const more = shown.length > fit ? `, ${shown.length - fit} more do not fit` : ''
  return [
    `${TITLES[view.figure]}: ${shown.length} nodes${more}`,
    ...drawn,
    `${' '.repeat(AXIS_COLUMNS)}${bars.map((bar) => bar.id.padEnd(COLUMN_WIDTH)).join('')}`.trimEnd(),
    `${' '.repeat(AXIS_COLUMNS)}${bars.map((bar) => (bar.value === undefined ? (bar.down ? 'down' : '?') : figureText(bar.value)).padEnd(COLUMN_WIDTH)).join('')}`.trimEnd(),
    ...(view.total ? [totals(shown)] : []),
  ].slice(0, height)
}

const TITLES: Readonly<Record<Figure, string>> = {
  load: 'Load', logarithmic: 'Load (logarithmic)', speed: 'Speed (10000 is the standard CPU)', memory: 'Memory in MiB (# used, + free)', utilisation: 'Utilisation in %',
}

function barOf(row: NodeRow, figure: Figure): Bar {
  const bar = { id: formatNodeId(row.id), down: row.state !== 'alive' }
  switch (figure) {
    case 'load':
    case 'logarithmic': return { ...bar, value: row.load }
    case 'speed': return { ...bar, value: row.speed }
    case 'utilisation': return { ...bar, value: row.utilisation }
    case 'memory': {
      if (row.memoryTotalKiB === undefined || row.memoryFreeKiB === undefined) return { ...bar, value: undefined }
      return { ...bar, value: (row.memoryTotalKiB - row.memoryFreeKiB) / 1_024, upTo: row.memoryTotalKiB / 1_024 }
    }
  }
}

function cell({ value, upTo }: Bar, row: number, level: (value: number) => number): string {
  if (value === undefined) return ''
  // A bar reaches into a row when it fills at least half of it; the lowest is there for anything above nothing.
  if (level(value) >= row - 0.5 || (row === 1 && value > 0)) return '####'
  return upTo !== undefined && level(upTo) >= row - 0.5 ? '++++' : ''
}

function axisTop(bars: readonly Bar[], figure: Figure): number {
  if (figure === 'utilisation') return 100
  return Math.max(1, ...bars.map(({ value, upTo }) => upTo ?? value ?? 0))
}

function scaled(value: number, figure: Figure): number {
  return figure === 'logarithmic' ? Math.log2(1 + value) : value
}

function unscaled(value: number, figure: Figure): number {
  return figure === 'logarithmic' ? 2 ** value - 1 : value
}

function axisLabel(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1)
}

function figureText(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2)
}

function totals(rows: readonly NodeRow[]): string {
  const sum = (pick: (row: NodeRow) => number | undefined): number => rows.reduce((total, row) => total + (pick(row) ?? 0), 0)
  return `Total: ${rows.length} nodes, ${sum((row) => row.cpus)} CPUs, speed ${sum((row) => (row.speed ?? 0) * (row.cpus ?? 1))}, ${sum((row) => row.jobs)} jobs, `
    + `${Math.round(sum((row) => row.memoryFreeKiB) / 1_024)} of ${Math.round(sum((row) => row.memoryTotalKiB) / 1_024)} MiB free`
}
