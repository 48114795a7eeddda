import { goalTable, type GoalRow } from './goal-table.ts'
import type { FailedLoad, LoadFigures, MigrationFigures } from './migration-figures.ts'

const MB = 1_000_000
const FREEZE_FACTOR = 1.3
const TOTAL_FACTOR = 1.5
const ABORT_LIMIT_MS = 500
const MOSRUN_FACTOR = 3
const RELAY_BYTES_PER_SECOND = 50 * MB
const RELAY_SHARE = 0.8
/** The size for which a move is to freeze half as long as bare CRIU. */
const HALF_OF_BARE_BYTES = 64 * 1024 * 1024

/** The figures beside what we mean to reach. */
export function migrationRows(figures: MigrationFigures): GoalRow[] {
  const { wireBytesPerSecond, wireToNiceReaderBytesPerSecond, relayBytesPerSecond, mosrunTrueMs, nodeNothingMs } = figures
  const relayGoal = Math.min(RELAY_BYTES_PER_SECOND, RELAY_SHARE * wireBytesPerSecond)
  return [
    { what: 'wire', measured: rate(wireBytesPerSecond), goal: '' },
    { what: '  read with niceness 10', measured: rate(wireToNiceReaderBytesPerSecond), goal: '' },
    { what: 'stdio from the other node', measured: rate(relayBytesPerSecond), goal: `>= ${rate(relayGoal)}`, isReached: relayBytesPerSecond >= relayGoal },
    { what: 'node -e 0', measured: ms(nodeNothingMs), goal: '' },
    { what: 'mosrun true', measured: ms(mosrunTrueMs), goal: `<= ${ms(MOSRUN_FACTOR * nodeNothingMs)}`, isReached: mosrunTrueMs <= MOSRUN_FACTOR * nodeNothingMs },
    ...figures.loads.flatMap(loadRows),
  ]
}

function loadRows(figures: LoadFigures | FailedLoad): GoalRow[] {
  const { load } = figures
  const name = `${load.bytes / 1024 / 1024} MiB${load.dirtyBytesPerSecond > 0 ? `, writes ${load.dirtyBytesPerSecond / MB} MB/s` : ', idle'}`
  if ('failed' in figures) return [{ what: name, measured: 'failed', goal: 'moves', isReached: false }]
  const { move, abortMs, bare, wireBytesPerSecond } = figures
  const bareFreezeMs = bare.dumpMs + bare.copyMs + bare.restoreMs
  const freezeGoalMs = Math.round(FREEZE_FACTOR * (bare.dirtyDumpMs + bare.restoreMs))
  const wireMs = move.bytes * 1000 / wireBytesPerSecond
  const totalGoalMs = Math.round(TOTAL_FACTOR * wireMs)
  const half = load.bytes === HALF_OF_BARE_BYTES
  return [
    { what: `${name}: freeze`, measured: ms(move.freezeMs), goal: `<= ${ms(freezeGoalMs)}`, isReached: move.freezeMs <= freezeGoalMs },
    {
      what: '  bare CRIU: dump + copy + restore', measured: `${ms(bare.dumpMs)} + ${ms(bare.copyMs)} + ${ms(bare.restoreMs)} = ${ms(bareFreezeMs)}`,
      goal: half ? 'freeze <= half of it' : '', ...(half ? { isReached: move.freezeMs <= bareFreezeMs / 2 } : {}),
    },
    { what: '  bare CRIU: dump of what changed', measured: ms(bare.dirtyDumpMs), goal: '' },
    { what: '  total', measured: ms(move.totalMs), goal: `<= ${ms(totalGoalMs)}`, isReached: move.totalMs <= totalGoalMs },
    { what: '  wire + dump of what changed + restore', measured: ms(wireMs + bare.dirtyDumpMs + bare.restoreMs), goal: '' },
    { what: '  over the wire', measured: `${megabytes(move.bytes)} in ${move.rounds} rounds and the rest, where the wire has ${rate(wireBytesPerSecond)}`, goal: '' },
    { what: '  bare CRIU: images', measured: megabytes(bare.bytes), goal: '' },
    { what: '  given up: back to running after', measured: abortMs === undefined ? 'not told' : ms(abortMs), goal: `<= ${ms(ABORT_LIMIT_MS)}`, isReached: abortMs !== undefined && abortMs <= ABORT_LIMIT_MS },
  ]
}

/** The rows as an aligned text table. */
export function migrationTable(figures: MigrationFigures): string {
  return goalTable(migrationRows(figures))
}

function ms(value: number): string {
  return `${Math.round(value)} ms`
}

function rate(bytesPerSecond: number): string {
  return `${(bytesPerSecond / MB).toFixed(1)} MB/s`
}

function megabytes(bytes: number): string {
  return `${(bytes / MB).toFixed(1)} MB`
}
