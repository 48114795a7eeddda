import * as z from 'zod'
import { jobSchema } from '../../schema/job.ts'
import { meshAddress } from '../../schema/mesh-address.ts'
import { migrationReportSchema, type MigrationReport } from '../../schema/migration.ts'
import { memberSchema } from '../../schema/node-state.ts'
import { PlumpError } from '../errors.ts'
import { keepLogs } from '../lab/keep-logs.ts'
import type { Lab } from '../lab/lab.ts'
import type { LabNode } from '../lab/lab-node.ts'
import { withLab } from '../lab/with-lab.ts'
import { COPY_PORT, measureBareCriu, receive, type BareCriuFigures } from './bare-criu.ts'
import { loadProgram, type Load } from './load-program.ts'
import { said, timed } from './node-shell.ts'

const MIB = 1024 * 1024
const BOOT_LIMIT_SECONDS = 300
/** Images in memory and restored pages together are twice the largest job; the node itself needs the rest. */
const MEMORY_MIB = 1_280
const WIRE_BYTES = 32 * MIB
/** Wire and relay in turn so many times, since the machine's speed changes; the medians count. */
const TRANSFERS = 5
const NICE_READER = 10
/** Of moves there and back the median counts, of starts of programs the least. */
const MOVES = 3
const STARTS = 3
/** Moved there and back before anything is measured: what a node's first dump and first restore load into memory. */
const FIRST_LOAD: Load = { bytes: 8 * MIB, dirtyBytesPerSecond: 0 }
/** A larger one takes minutes for each move, and its moves differ little. */
const LARGE_BYTES = 128 * MIB
const LARGE_MOVES = 1
const TESTMOVE_LIMIT_SECONDS = 120

/** Of `plump testmove --json`, what is shown here. */
const testMoveSchema = z.object({ resumeMs: z.int() })

/** Sizes of the jobs, in MiB. */
export const LOAD_SIZES = [8, 64, 256] as const
const LOADS: readonly Load[] = LOAD_SIZES.flatMap((mib) => [0, 20_000_000].map((dirtyBytesPerSecond) => ({ bytes: mib * MIB, dirtyBytesPerSecond })))

/** What could not be measured, and why; the others stand. */
export interface FailedLoad {
  load: Load
  failed: string
}

type MoveFigures = Pick<MigrationReport, 'freezeMs' | 'totalMs' | 'bytes' | 'rounds'>

export interface LoadFigures {
  load: Load
  /** Of the moves there and back the median freeze, and of the one with the median total what it carried. */
  move: MoveFigures
  /** All of them, in their order. */
  moves: MoveFigures[]
  /** A dump whose job goes on here: from the word that it is to until it does; absent when the nodes cannot tell. */
  abortMs?: number
  /** This and the wire are means of right before the moves and right after: the machine is not equally fast at all times. */
  bare: BareCriuFigures
  /** What the mesh carries in one plain connection. */
  wireBytesPerSecond: number
}

/** Everything `./plump bench migration` measures, all in one run between the same two machines. */
export interface MigrationFigures {
  loads: (LoadFigures | FailedLoad)[]
  wireBytesPerSecond: number
  /** The same, when what reads from the connection has niceness 10, as the page server of a move has (docs/decisions/0049). */
  wireToNiceReaderBytesPerSecond: number
  /** From a job on the other node to a program at home. */
  relayBytesPerSecond: number
  mosrunTrueMs: number
  nodeNothingMs: number
}

export interface MigrationBenchOptions {
  /** Only jobs of this size; all of {@link LOAD_SIZES} without it. */
  loadMiB?: number
  signal: AbortSignal
  report: (text: string) => void
}

/** Boots two nodes from the ISO and moves jobs between them. Throws PlumpError. */
export async function measureMigration(iso: string, options: MigrationBenchOptions): Promise<MigrationFigures> {
  options.report('two nodes boot')
  const machines = { name: 'bench-migration', nodes: 2, medium: 'kernel', memoryMiB: MEMORY_MIB, preallocated: true, iso } as const
  return withLab({ ...machines, signal: options.signal }, async (lab) => {
    const pair = await openPair(lab, options.signal)
    options.report('wire, stdio and the start of programs')
    const transfers = await measureTransfers(pair)
    const starts = await measureStarts(pair)
    options.report(`  wire ${megabytes(transfers.wireBytesPerSecond)} a second, of which stdio has ${megabytes(transfers.relayBytesPerSecond)}; mosrun true ${starts.mosrunTrueMs} ms, node -e 0 ${starts.nodeNothingMs} ms`)
    options.report('a first move each way')
    await withProgram(pair, FIRST_LOAD, (program) => withLoad(pair.home, program, FIRST_LOAD, (job) => measureMoves(pair, FIRST_LOAD, job)))
    const loads: MigrationFigures['loads'] = []
    for (const load of LOADS.filter(({ bytes }) => options.loadMiB === undefined || bytes === options.loadMiB * MIB)) {
      options.report(`a job of ${load.bytes / MIB} MiB${load.dirtyBytesPerSecond > 0 ? ` that writes ${load.dirtyBytesPerSecond / 1e6} MB/s` : ''}`)
      const figures = await measureLoad(pair, load).catch(async (error: unknown): Promise<FailedLoad> => {
        if (!(error instanceof PlumpError) || options.signal.aborted) throw error
        options.report(`  the logs are in ${await keepLogs(lab, lab.name)}`)
        return { load, failed: error.message }
      })
      options.report(`  ${'failed' in figures ? `not measured: ${figures.failed}` : inShort(figures)}`)
      loads.push(figures)
    }
    return { loads, ...transfers, ...starts }
  })
}

/** Told at once: whoever ends the bench early has seen something. */
function inShort({ move, moves, bare, wireBytesPerSecond }: LoadFigures): string {
  const each = moves.map(({ freezeMs, totalMs }) => `${freezeMs} of ${totalMs}`).join(', ')
  return `froze ${each} ms, ${megabytes(move.bytes)} at ${megabytes(wireBytesPerSecond)} a second; bare CRIU ${Math.round(bare.dirtyDumpMs)} + ${Math.round(bare.restoreMs)} ms for what changed`
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}

interface Pair {
  home: LabNode
  other: LabNode
  homeId: number
  otherId: number
}

async function openPair(lab: Lab, signal: AbortSignal): Promise<Pair> {
  const [home, other] = [lab.node(1), lab.node(2)]
  await Promise.all([home, other].map((node) => node.waitForStage('joined', { limitSeconds: BOOT_LIMIT_SECONDS, signal })))
  const members = z.array(memberSchema).parse(JSON.parse(await said(home, 'plump nodes --json')))
  const [homeId = 0, otherId = 0] = [true, false].map((self) => members.find((member) => member.self === self)?.id)
  // Jobs move when somebody says so, and by nobody else.
  for (const [node, peer] of [[home, otherId], [other, homeId]] as const) await said(node, `mosctl stay; until [ -d /mfs/${peer}/usr ]; do sleep 1; done`)
  return { home, other, homeId, otherId }
}

/** A command that writes so many bytes and costs the node little beside what carries them (`head -c` of busybox looks at each byte). */
function zeros(bytes: number): string {
  return `dd if=/dev/zero bs=64k count=${bytes / 65_536} 2> /dev/null`
}

/** What the mesh carries in one plain connection, and what of it a job's output gets. */
async function measureTransfers(pair: Pair): Promise<Pick<MigrationFigures, 'wireBytesPerSecond' | 'wireToNiceReaderBytesPerSecond' | 'relayBytesPerSecond'>> {
  const { home, otherId } = pair
  const times: { wireMs: number; niceReaderMs: number; nothingThereMs: number; jobMs: number }[] = []
  for (let transfer = 0; transfer < TRANSFERS; transfer++) {
    const wireMs = await timeWire(pair)
    const niceReaderMs = await timeWire(pair, NICE_READER)
    const nothingThereMs = await timed(home, `runon ${otherId} true < /dev/null`)
    const jobMs = await timed(home, `runon ${otherId} sh -c '${zeros(WIRE_BYTES)}' < /dev/null | cat > /dev/null`)
    times.push({ wireMs, niceReaderMs, nothingThereMs, jobMs })
  }
  // The least, so that a slow start of a job that does nothing makes no relay look fast.
  const startMs = Math.min(...times.map(({ nothingThereMs }) => nothingThereMs))
  return {
    wireBytesPerSecond: bytesPerSecond(median(times.map(({ wireMs }) => wireMs))),
    wireToNiceReaderBytesPerSecond: bytesPerSecond(median(times.map(({ niceReaderMs }) => niceReaderMs))),
    relayBytesPerSecond: bytesPerSecond(median(times.map(({ jobMs }) => Math.max(1, jobMs - startMs)))),
  }
}

/** How long {@link WIRE_BYTES} take to the other node. */
async function timeWire({ home, other, otherId }: Pair, niceness = 0): Promise<number> {
  await receive(other, 'cat > /dev/null', '/var/tmp/wire', niceness)
  return timed(home, `${zeros(WIRE_BYTES)} | nc ${meshAddress(otherId)} ${COPY_PORT}`)
}

function bytesPerSecond(wireMs: number): number {
  return Math.round(WIRE_BYTES * 1000 / wireMs)
}

function median(values: readonly number[]): number {
  return middle(values, (value) => value)
}

/** The one in the middle by a figure of theirs. */
function middle<T>(all: readonly T[], figure: (one: T) => number): T {
  const found = all.toSorted((one, another) => figure(one) - figure(another))[Math.floor(all.length / 2)]
  if (found === undefined) throw new Error('nothing was measured')
  return found
}

async function measureStarts({ home }: Pair): Promise<Pick<MigrationFigures, 'mosrunTrueMs' | 'nodeNothingMs'>> {
  const least = async (line: string): Promise<number> => {
    const times: number[] = []
    for (let start = 0; start < STARTS; start++) times.push(await timed(home, line))
    return Math.min(...times)
  }
  return { mosrunTrueMs: await least('mosrun true < /dev/null'), nodeNothingMs: await least('node -e 0 < /dev/null') }
}

async function measureLoad(pair: Pair, load: Load): Promise<LoadFigures> {
  return withProgram(pair, load, async (program) => {
    const before = await measureBare(pair, load, program)
    const { moves, abort } = await withLoad(pair.home, program, load, (job) => measureMoves(pair, load, job))
    const after = await measureBare(pair, load, program)
    const mean = (pick: (bare: typeof after) => number): number => (pick(before) + pick(after)) / 2
    return {
      load, move: { ...middle(moves, ({ totalMs }) => totalMs), freezeMs: middle(moves, ({ freezeMs }) => freezeMs).freezeMs }, moves, ...abort, wireBytesPerSecond: bytesPerSecond(mean(({ wireMs }) => wireMs)),
      bare: { dumpMs: mean((bare) => bare.dumpMs), copyMs: mean((bare) => bare.copyMs), restoreMs: mean((bare) => bare.restoreMs), bytes: after.bytes, dirtyDumpMs: mean((bare) => bare.dirtyDumpMs) },
    }
  })
}

/** What a move is compared with: CRIU alone with a job of its own, and the wire. */
async function measureBare(pair: Pair, load: Load, program: string): Promise<BareCriuFigures & { wireMs: number }> {
  const { home, other, homeId, otherId } = pair
  const bare = await withLoad(home, program, load, (job) => measureBareCriu({ job, home, homeId, to: other, address: meshAddress(otherId) }))
  return { ...bare, wireMs: await timeWire(pair) }
}

/** Puts the load's program on both nodes until `measure` is through with it. */
async function withProgram<T>({ home, other }: Pair, load: Load, measure: (program: string) => Promise<T>): Promise<T> {
  const program = `/var/tmp/load-${load.bytes}-${load.dirtyBytesPerSecond}`
  const file = loadProgram(load).toString('base64')
  for (const node of [home, other]) await said(node, `echo ${file} | base64 -d > ${program}; chmod 755 ${program}`)
  try {
    return await measure(program)
  } finally {
    for (const node of [home, other]) await said(node, `rm -f ${program}`)
  }
}

/** Runs the load as a job on its home until `measure` is through with it. */
async function withLoad<T>(home: LabNode, program: string, load: Load, measure: (job: string) => Promise<T>): Promise<T> {
  const job = (await said(home, `mosrun -b ${program} < /dev/null`)).trim()
  try {
    await said(home, `until plump job show ${job} --json | awk -F '[:,]' '/"memoryBytes"/ { exit $2 < ${load.bytes} }'; do sleep 1; done`)
    return await measure(job)
  } finally {
    await said(home, `plump job kill ${job} KILL 2> /dev/null; plump wait ${job} || true`)
  }
}

/** Moves the job to the other node and back, and at last has the node that holds it give a move up. */
async function measureMoves({ home, other, homeId, otherId }: Pair, load: Load, job: string): Promise<{ moves: MoveFigures[]; abort: Pick<LoadFigures, 'abortMs'> }> {
  const moves: MoveFigures[] = []
  const wanted = load.bytes > LARGE_BYTES ? LARGE_MOVES : MOVES
  const isHome = async (): Promise<boolean> => jobSchema.parse(JSON.parse(await said(home, `plump job show ${job} --json`))).node === homeId
  for (let move = 0; move < wanted; move++) {
    const [holder, to] = await isHome() ? [home, otherId] : [other, homeId]
    const { freezeMs, totalMs, bytes, rounds } = migrationReportSchema.parse(JSON.parse(await said(holder, `plump migrate ${job} ${to} --json`)))
    moves.push({ freezeMs, totalMs, bytes, rounds })
  }
  const tested = await (await isHome() ? home : other).exec(`plump testmove ${job} --json`, { limitSeconds: TESTMOVE_LIMIT_SECONDS })
  const abort = tested.exitCode === 0 ? { abortMs: testMoveSchema.parse(JSON.parse(tested.stdout)).resumeMs } : {}
  return { moves, abort }
}
