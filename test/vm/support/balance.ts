import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import * as z from 'zod'
import type { Lab } from '../../../builder/lab/lab.ts'
import type { LabNode } from '../../../builder/lab/lab-node.ts'
import { nodeRowSchema, whySchema, type NodeRow, type Why } from '../../../schema/balance-api.ts'
import { jobSchema, type Job } from '../../../schema/job.ts'
import { idOf, knowsJobs, said } from './jobs.ts'
import { until } from './until.ts'

/** What a step of balancing may take where a move takes ten times as long as on a PC. */
export const STEP_LIMIT_SECONDS = 600
/** For a lab of three nodes whose jobs move some thirty times. */
export const TEST_LIMIT_MS = 1_800_000
export const NEWS_LIMIT_SECONDS = 180
/** A command starts a program on a node that is busy, and takes CPU from the moves that are waited for. */
export const LOOK_MS = 4_000

/** The loop of the seed's own trial (openMosix HOWTO 14.1), but for good. */
export const LOOP = "awk 'BEGIN { while (1) i++ }'"

/** Waits until the nodes know each other's loads, all being of one speed: what is measured while three machines boot says little. Gives their ids. */
export async function knowsLoads(lab: Lab): Promise<number[]> {
  await knowsJobs(lab)
  for (const node of lab.nodes) await said(node, 'mosctl setspeed 10000')
  await until('each node knows the loads of all', NEWS_LIMIT_SECONDS, async () => {
    const told = await Promise.all(lab.nodes.map(rows))
    return told.every((known) => known.filter(({ speed }) => speed === 10_000).length === lab.nodes.length)
  })
  return Promise.all(lab.nodes.map(idOf))
}

/** Starts so many endless jobs; `options` are those of mosrun. */
export async function startLoops(home: LabNode, count: number, options = ''): Promise<void> {
  await said(home, `for i in $(seq ${count}); do mosrun -b ${options} ${LOOP} < /dev/null; done`)
}

export async function endAll(home: LabNode): Promise<void> {
  for (const { id } of await jobs(home)) await home.exec(`plump job kill ${id} KILL`)
  await until('all jobs have ended', STEP_LIMIT_SECONDS, async () => (await jobs(home)).length === 0, LOOK_MS)
}

export async function allJobs(home: LabNode): Promise<Job[]> {
  return z.array(jobSchema).parse(JSON.parse(await said(home, 'plump job ls --json')))
}

/** Those that have not ended. */
export async function jobs(home: LabNode): Promise<Job[]> {
  return (await allJobs(home)).filter(({ outcome }) => outcome === undefined)
}

/** How many of the jobs of a home run on each node. */
export async function counts(home: LabNode, ids: readonly number[]): Promise<number[]> {
  const all = await jobs(home)
  return ids.map((id) => all.filter(({ node, state }) => node === id && state === 'running').length)
}

/** Waits until so many of the jobs of node 1 run on each node. Node 1 is asked only when the control groups say so, which costs the nodes nothing. */
export async function untilCounts(what: string, lab: Lab, ids: readonly number[], wanted: readonly number[]): Promise<void> {
  let last: number[] = []
  await until(what, STEP_LIMIT_SECONDS, async () => {
    last = await groups(lab)
    if (!isDeepStrictEqual(last, wanted)) return false
    last = await counts(lab.node(1), ids)
    return isDeepStrictEqual(last, wanted)
  }, LOOK_MS).catch((error: unknown) => expect.fail(`${String(error)}; last seen: ${last.join('/')}`))
}

/** Looks again and again for so many seconds that the jobs stay where they are. */
export async function staySpread(lab: Lab, wanted: readonly number[], seconds: number): Promise<void> {
  const end = Date.now() + seconds * 1000
  await until(`${seconds} s have passed`, STEP_LIMIT_SECONDS, async () => {
    expect(await groups(lab)).toEqual(wanted)
    return Date.now() > end
  }, LOOK_MS)
}

/** How many jobs have a control group on each node. */
async function groups(lab: Lab): Promise<number[]> {
  const found = await Promise.all(lab.nodes.map((node) => node.exec('ls -d /sys/fs/cgroup/plump/*/*/', { limitSeconds: STEP_LIMIT_SECONDS })))
  return found.map(({ stdout }) => stdout.split('\n').length - 1)
}

/** What the node where it runs last decided about a job; undefined when it has decided nothing. */
export async function why(node: LabNode, id: string): Promise<Why | undefined> {
  const { stdout, exitCode } = await node.exec(`plump why ${id} --json`)
  return exitCode === 0 ? whySchema.parse(JSON.parse(stdout)) : undefined
}

export async function shown(home: LabNode, id: string): Promise<Job> {
  return jobSchema.parse(JSON.parse(await said(home, `plump job show ${id} --json`)))
}

export async function rows(node: LabNode): Promise<NodeRow[]> {
  return z.array(nodeRowSchema).parse(JSON.parse(await said(node, 'plump nodes --json')))
}
