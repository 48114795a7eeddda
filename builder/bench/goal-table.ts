/** A line of a bench's report; `isReached` is absent where there is no goal. */
export interface GoalRow {
  what: string
  measured: string
  goal: string
  isReached?: boolean
}

/** The rows as an aligned text table, with what was reached and what was missed. */
export function goalTable(rows: readonly GoalRow[]): string {
  const width = (pick: (row: GoalRow) => string): number => Math.max(...rows.map((row) => pick(row).length))
  const [whatWidth, measuredWidth, goalWidth] = [width((row) => row.what), width((row) => row.measured), width((row) => row.goal)]
  return rows.map(({ what, measured, goal, isReached }) => {
    const verdict = isReached === undefined ? '' : isReached ? 'reached' : 'missed'
    return `${what.padEnd(whatWidth)}  ${measured.padStart(measuredWidth)}  ${goal.padEnd(goalWidth)}  ${verdict}`.trimEnd()
  }).join('\n')
}
