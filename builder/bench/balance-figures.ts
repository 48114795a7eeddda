import * as z from 'zod'
import { jobSchema, type Job } from '../../schema/job.ts'
import { memberSchema } from '../../schema/node-state.ts'
import type { Lab } from '../lab/lab.ts'
import type { LabNode } from '../lab/lab-node.ts'
import { withLab } from '../lab/with-lab.ts'
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
 * About how long the jobs would take on all nodes together if nothing were lost: jobs that end while they are still being handed out, one move after the other and none in a job's first ten
 * seconds; and such as outlast that.
 */
const PERFECT_SECONDS = [100, 200] as const
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

/** {@link JOBS} equal jobs, three times. */
export interface JobsFigures {
  /** What the nodes compute together with one loop on each, in chunks of it. */
  chunksPerSecond: number
  /** Of those, in each of the jobs. */
  chunksPerJob: number
  /** An equal share of them on each node from the start, and none moves: the mean of before and after the jobs that may move. */
  perfect: JobsRun
  /** All begin on one node and may move. */
  moved: JobsRun & { moves: number }
  /** All begin on one node and stay. */
  stayed: JobsRun
}

export interface JobsRun {
  /** Until the last of the jobs was done; of several nodes with jobs of their own, the mean. */
  ms: number
  /** On all nodes, what their jobs' control groups used: that is also where a job that arrives is restored. */
  jobCpuSeconds: number
  /** On all nodes, what all other programs used. */
  otherCpuSeconds: number
}

export interface BalanceBenchOptions {
  signal: AbortSignal
  report: (text: string) => void
}

/** Boots three nodes from the ISO and lets jobs spread over them. Throws PlumpError. */
export async function measureBalance(iso: string, options: BalanceBenchOptions): Promise<BalanceFigures> {
  const { report, signal } = options
  report('three nodes boot')
  return withLab({ name: 'bench-balance', nodes: NODES, medium: 'kernel', memoryMiB: MEMORY_MIB, iso, signal }, async (lab) => {
    await openCluster(lab, signal)
    report(`${LOOPS} loops spread over ${NODES} nodes`)
    const spread = await measureSpread(lab)
    const jobs: JobsFigures[] = []
    for (const seconds of PERFECT_SECONDS) jobs.push(await measureJobs(lab, seconds, options))
    return { ...spread, jobs }
  })
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

/** Chunks per second that the nodes compute together, with the loop once on every node at the same time. */
async function measureRate(lab: Lab): Promise<number> {
  const line = `awk 'BEGIN { while (1) { ${CHUNK}; print ""; fflush() } }' > /tmp/rate & sleep ${RATE_SECONDS}; kill $!; wc -l < /tmp/rate`
  return sum(await Promise.all(lab.nodes.map(async (node) => Number(await said(node, line)) / RATE_SECONDS)))
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

/** Jobs that all nodes together would do in so many seconds: spread from the start, with moves, and without. */
async function measureJobs(lab: Lab, perfectSeconds: number, { report, signal }: BalanceBenchOptions): Promise<JobsFigures> {
  report('what the nodes compute, all at the same time')
  const chunksPerSecond = await measureRate(lab)
  const chunksPerJob = Math.max(1, Math.round(perfectSeconds * chunksPerSecond / JOBS))
  const [onOne, onAll] = [lab.nodes.map((_, index) => (index === 0 ? JOBS : 0)), lab.nodes.map(() => JOBS / NODES)]
  const run = async (what: string, counts: readonly number[], mayMove: boolean): Promise<JobsRun & { moves: number }> => {
    report(`${JOBS} jobs of ${chunksPerJob} chunks ${what}`)
    for (const node of lab.nodes) await said(node, mayMove ? 'mosctl nostay' : 'mosctl stay', signal)
    return runJobs(lab, chunksPerJob, counts)
  }
  const spread = 'that are spread from the start'
  // The computer that emulates the nodes is not equally fast at all times: the perfect time is measured right before and right after.
  const before = await run(spread, onAll, false)
  const moved = await run('that may move', onOne, true)
  const after = await run(spread, onAll, false)
  const stayed = await run('that stay', onOne, false)
  for (const node of lab.nodes) await said(node, 'mosctl nostay', signal)
  const mean = (pick: (run: JobsRun) => number): number => (pick(before) + pick(after)) / 2
  const perfect = { ms: mean(({ ms }) => ms), jobCpuSeconds: mean(({ jobCpuSeconds }) => jobCpuSeconds), otherCpuSeconds: mean(({ otherCpuSeconds }) => otherCpuSeconds) }
  return { chunksPerSecond, chunksPerJob, perfect, moved, stayed }
}

/** Starts so many of the jobs on each node, lets all begin at the same time, and waits until each has said that it is done. */
async function runJobs(lab: Lab, chunks: number, counts: readonly number[]): Promise<JobsRun & { moves: number }> {
  const homes = lab.nodes.flatMap((node, index) => ((counts[index] ?? 0) > 0 ? [{ node, count: counts[index] ?? 0 }] : []))
  const job = `while [ ! -e ${FOLDER}/go ]; do sleep 1; done; awk "BEGIN { while (n++ < ${chunks}) ${CHUNK} }"; echo > ${FOLDER}/done-$1`
  for (const { node, count } of homes) await said(node, `rm -rf ${FOLDER}; mkdir ${FOLDER}; for i in $(seq ${count}); do mosrun -b sh -c '${job}' job $i < /dev/null; done`)
  const movesUntilNow = async (): Promise<number> => sum(await Promise.all(homes.map(async ({ node }) => movesOf(await listJobs(node)))))
  const earlier = await movesUntilNow()
  const before = await Promise.all(lab.nodes.map(cpuUse))
  // The shell counts files by itself: to start programs for that would take from what the node computes.
  const times = await Promise.all(homes.map(({ node, count }) => timed(node, `touch ${FOLDER}/go; until set -- ${FOLDER}/*; [ $# -gt ${count} ]; do sleep 1; done`)))
  const after = await Promise.all(lab.nodes.map(cpuUse))
  const used = (use: (before: CpuUse, after: CpuUse) => number): number => sum(after.map((each, index) => use(before[index] ?? each, each)))
  return { ms: sum(times) / times.length, jobCpuSeconds: used((from, to) => to.jobSeconds - from.jobSeconds), otherCpuSeconds: used(others), moves: await movesUntilNow() - earlier }
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
