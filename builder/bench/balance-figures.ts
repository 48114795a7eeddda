import * as z from 'zod'
import { jobSchema, type Job } from '../../schema/job.ts'
import { memberSchema } from '../../schema/node-state.ts'
import { startLab, type Lab } from '../lab/lab.ts'
import type { LabNode } from '../lab/lab-node.ts'
import { cpuUse, type CpuUse } from './cpu-use.ts'
import { said, timed } from './node-shell.ts'

const NODES = 3
const BOOT_LIMIT_SECONDS = 300
/** 24 waiting jobs and the images of those that move. */
const MEMORY_MIB = 512
/** Loops without an end that are to spread, and jobs of equal length that are to be done soon. */
export const LOOPS = 12
export const JOBS = 24
/**
 * How long the jobs would take on all nodes together if nothing were lost: jobs that end while they are still being handed out, one move after the other and none in a job's first ten
 * seconds; and such as outlast that.
 */
const PERFECT_SECONDS = [100, 300] as const
const RATE_SECONDS = 20
/** Rounds of the loop that are counted as one; a node does some ten of them a second. */
const ROUNDS = 10_000
const CHUNK = `for (j = 0; j < ${ROUNDS}; j++) i++`
/** The control groups of the jobs that are on a node, its own and its guests. */
const JOB_GROUPS = '/sys/fs/cgroup/plump/*'
/** Files of the bench on node 1. */
const FOLDER = '/tmp/bench'

/** Everything `./plump bench balance` measures, all in one run on the same three machines. */
export interface BalanceFigures {
  /** From the start of the last of {@link LOOPS} loops on one node until the nodes have the same number. */
  balanceMs: number
  /** Moves that took. */
  balanceMoves: number
  /** Of shorter jobs and of longer ones. */
  jobs: JobsFigures[]
}

/** {@link JOBS} equal jobs that all begin on one node. */
export interface JobsFigures {
  /** What each node computes per second while all of them do, in chunks of the loop: the mean of before and after the jobs that may move. */
  chunksPerSecond: number[]
  /** Chunks in each of the jobs. */
  chunksPerJob: number
  /** Until the last of the jobs was done. */
  withMs: number
  withMoves: number
  /** CPU seconds that the moves took: those of other programs than jobs, on all nodes, beyond what they use without any move. */
  moveCpuSeconds: number
  /** Part of a node's CPU time that other programs than jobs take while nothing moves, here and in {@link JobsFigures.chunksPerSecond}. */
  otherShare: number
  /** The same with every job staying where it began. */
  withoutMs: number
}

export interface BalanceBenchOptions {
  signal: AbortSignal
  report: (text: string) => void
}

/** Boots three nodes from the ISO and lets jobs spread over them. Throws PlumpError. */
export async function measureBalance(iso: string, options: BalanceBenchOptions): Promise<BalanceFigures> {
  const { report, signal } = options
  report('three nodes boot')
  const lab = await startLab({ name: 'bench-balance', nodes: NODES, medium: 'kernel', memoryMiB: MEMORY_MIB, iso, signal })
  try {
    await openCluster(lab, signal)
    report(`${LOOPS} loops spread over ${NODES} nodes`)
    const spread = await measureSpread(lab)
    const jobs: JobsFigures[] = []
    for (const seconds of PERFECT_SECONDS) jobs.push(await measureJobs(lab, seconds, options))
    return { ...spread, jobs }
  } finally {
    await lab.down()
  }
}

/** All nodes know each other and count as equally fast, which they are. */
async function openCluster(lab: Lab, signal: AbortSignal): Promise<void> {
  await Promise.all(lab.nodes.map((node) => node.waitForStage('joined', { limitSeconds: BOOT_LIMIT_SECONDS, signal })))
  const ids: number[] = []
  for (const node of lab.nodes) {
    const members = z.array(memberSchema).parse(JSON.parse(await said(node, 'mosctl setspeed 10000 > /dev/null; plump nodes --json', signal)))
    ids.push(members.find(({ self }) => self)?.id ?? 0)
  }
  const files = ids.map((id) => `[ -d /mfs/${id}/usr ]`).join(' && ')
  for (const node of lab.nodes) await said(node, `until ${files}; do sleep 1; done`, signal)
}

/** The loop once on every node at the same time, and how much of a CPU other programs take meanwhile. */
async function measureRates(lab: Lab): Promise<{ chunksPerSecond: number[]; otherShare: number }> {
  const line = `awk 'BEGIN { while (1) { ${CHUNK}; print ""; fflush() } }' > /tmp/rate & sleep ${RATE_SECONDS}; awk '{ print ($14 + $15) / 100 }' /proc/$!/stat; kill $!; wc -l < /tmp/rate`
  const measured = await Promise.all(lab.nodes.map(async (node) => {
    const before = await cpuUse(node)
    const [loopSeconds = Number.NaN, chunks = Number.NaN] = (await said(node, line)).trim().split('\n').map(Number)
    const after = await cpuUse(node)
    return { chunksPerSecond: chunks / RATE_SECONDS, otherShare: Math.max(0, others(before, after) - loopSeconds) / (after.uptimeSeconds - before.uptimeSeconds) }
  }))
  return { chunksPerSecond: measured.map((each) => each.chunksPerSecond), otherShare: sum(measured.map((each) => each.otherShare)) / NODES }
}

/** Endless loops on node 1 until all nodes have the same number of them, which each node sees by its control groups: to ask the agents would slow them down. */
async function measureSpread(lab: Lab): Promise<Pick<BalanceFigures, 'balanceMs' | 'balanceMoves'>> {
  const home = lab.node(1)
  await said(home, `for i in $(seq ${LOOPS}); do mosrun -b awk 'BEGIN { while (1) i++ }' < /dev/null; done`)
  const line = `until [ $(ls -d ${JOB_GROUPS}/*/ | wc -l) = ${LOOPS / NODES} ]; do sleep 0.5; done`
  const balanceMs = Math.max(...await Promise.all(lab.nodes.map((node) => timed(node, line))))
  const jobs = await listJobs(home)
  for (const { id } of jobs) await said(home, `plump job kill ${id} KILL`)
  for (const node of lab.nodes) await said(node, `while ls -d ${JOB_GROUPS}/*/ > /dev/null 2>&1; do sleep 1; done`)
  return { balanceMs, balanceMoves: movesOf(jobs) }
}

/** Jobs that all nodes together would do in so many seconds, with moves and without. */
async function measureJobs(lab: Lab, perfectSeconds: number, { report, signal }: BalanceBenchOptions): Promise<JobsFigures> {
  report('what the nodes compute, all at the same time')
  // The computer that emulates the nodes is not equally fast at all times: what they compute is measured right before and right after.
  const before = await measureRates(lab)
  const chunksPerJob = Math.max(1, Math.round(perfectSeconds * sum(before.chunksPerSecond) / JOBS))
  report(`${JOBS} jobs of ${chunksPerJob} chunks that may move`)
  const moved = await runJobs(lab, chunksPerJob)
  const after = await measureRates(lab)
  const chunksPerSecond = before.chunksPerSecond.map((rate, index) => (rate + (after.chunksPerSecond[index] ?? rate)) / 2)
  const otherShare = (before.otherShare + after.otherShare) / 2
  report(`${JOBS} jobs of ${chunksPerJob} chunks that stay`)
  for (const node of lab.nodes) await said(node, 'mosctl stay', signal)
  const stayed = await runJobs(lab, chunksPerJob)
  for (const node of lab.nodes) await said(node, 'mosctl nostay', signal)
  const idleOthersSeconds = otherShare * NODES * moved.ms / 1000
  return { chunksPerSecond, chunksPerJob, withMs: moved.ms, withMoves: moved.moves, moveCpuSeconds: Math.max(0, moved.otherCpuSeconds - idleOthersSeconds), otherShare, withoutMs: stayed.ms }
}

/** Starts the jobs on node 1, lets all begin at the same time, and waits until each has said that it is done. */
async function runJobs(lab: Lab, chunks: number): Promise<{ ms: number; moves: number; otherCpuSeconds: number }> {
  const home = lab.node(1)
  const job = `while [ ! -e ${FOLDER}/go ]; do sleep 1; done; awk "BEGIN { while (n++ < ${chunks}) ${CHUNK} }"; echo > ${FOLDER}/done-$1`
  await said(home, `rm -rf ${FOLDER}; mkdir ${FOLDER}; for i in $(seq ${JOBS}); do mosrun -b sh -c '${job}' job $i < /dev/null; done`)
  const earlier = movesOf(await listJobs(home))
  const before = await Promise.all(lab.nodes.map(cpuUse))
  const ms = await timed(home, `touch ${FOLDER}/go; until [ $(ls ${FOLDER} | wc -l) -gt ${JOBS} ]; do sleep 0.5; done`)
  const after = await Promise.all(lab.nodes.map(cpuUse))
  const otherCpuSeconds = sum(after.map((use, index) => others(before[index] ?? use, use)))
  return { ms, moves: movesOf(await listJobs(home)) - earlier, otherCpuSeconds }
}

function others(before: CpuUse, after: CpuUse): number {
  return Math.max(0, after.busySeconds - before.busySeconds - (after.jobSeconds - before.jobSeconds))
}

async function listJobs(home: LabNode): Promise<Job[]> {
  return z.array(jobSchema).parse(JSON.parse(await said(home, 'plump job ls --json')))
}

function movesOf(jobs: readonly Job[]): number {
  return sum(jobs.map(({ migrations }) => migrations))
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
