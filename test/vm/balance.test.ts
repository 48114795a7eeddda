import { expect, test } from 'vitest'
import * as z from 'zod'
import type { Lab } from '../../builder/lab/lab.ts'
import type { LabNode } from '../../builder/lab/lab-node.ts'
import { nodeRowSchema, whySchema, type NodeRow, type Why } from '../../schema/balance-api.ts'
import { jobSchema, type Job } from '../../schema/job.ts'
import { poolReportSchema } from '../../schema/pool.ts'
import { watchEventSchema } from '../../schema/watch.ts'
import { until } from './support/until.ts'
import { withLab } from './support/with-lab.ts'

const NEWS_LIMIT_SECONDS = 60
const STEP_LIMIT_SECONDS = 300
const MOVES_LIMIT = 16
/** As in the seed's own trial (openMosix HOWTO 14.1), but for good. */
const LOOP = 'mosrun -b awk "BEGIN{while(1)i++}"'

test('jobs spread over three nodes and stay; speed, settings, memory and the pool decide where; a node that goes takes no others with it', async () => {
  await withLab({ nodes: 3, medium: 'kernel' }, async (lab) => {
    await Promise.all(lab.nodes.map((node) => node.waitForStage('joined')))
    const ids = await Promise.all(lab.nodes.map(idOf))
    // Speeds that were measured while three machines boot say little.
    for (const node of lab.nodes) await said(node, 'mosctl setspeed 10000')
    await until('node 1 knows the loads and sees the files of all', NEWS_LIMIT_SECONDS, async () => (await rows(lab.node(1))).filter(({ speed }) => speed === 10_000).length === 3
      && (await lab.node(1).exec(`ls /mfs/${ids[1]}/usr /mfs/${ids[2]}/usr`)).exitCode === 0)
    expect((await said(lab.node(1), 'mosmon -s'))).toMatch(/^Speed .*: 3 nodes\n/)

    await spreads(lab, ids)
    await followsSpeed(lab, ids)
    await obeysSettings(lab, ids)
    await shedsForMemory(lab, ids)
    await startsWhereIdle(lab, ids)
    await leavesPool(lab, ids)
    await goesDownByPowerButton(lab, ids)
    await survivesDeath(lab, ids)
  })
})

/** 12 jobs, started on node 1. */
async function spreads(lab: Lab, ids: readonly number[]): Promise<void> {
  const home = lab.node(1)
  await said(home, 'plump watch --json > /tmp/events & echo $! > /tmp/watch.pid')
  await start(home, 12)
  await until('four jobs on each node', STEP_LIMIT_SECONDS, async () => same(await counts(home, ids), [4, 4, 4]))
  await holdsFor(home, 20, async () => expect(await counts(home, ids)).toEqual([4, 4, 4]))
  const moves = (await jobs(home)).reduce((sum, { migrations }) => sum + migrations, 0)
  expect(moves).toBeGreaterThanOrEqual(8)
  expect(moves).toBeLessThanOrEqual(MOVES_LIMIT)
  const events = (await said(home, 'kill $(cat /tmp/watch.pid); cat /tmp/events')).trimEnd().split('\n').map((line) => watchEventSchema.parse(JSON.parse(line)))
  expect(events.filter(({ event }) => event === 'move')).toHaveLength(moves)
  const replay = z.object({ decisions: z.int(), differing: z.array(z.string()) }).parse(JSON.parse(await said(home, 'plump decisions --replay /var/log/plump-decisions.log --json')))
  expect(replay.decisions).toBeGreaterThan(0)
  expect(replay.differing).toEqual([])
}

/** Node 3 says that it is a third as fast: 12 jobs in the proportion 3 : 3 : 1 are 5, 5 and 2. */
async function followsSpeed(lab: Lab, ids: readonly number[]): Promise<void> {
  await said(lab.node(3), 'mosctl setspeed 3333')
  await until('the slow node has two jobs', STEP_LIMIT_SECONDS, async () => same(await counts(lab.node(1), ids), [5, 5, 2]))
  await said(lab.node(3), 'mosctl setspeed 10000')
  await endAll(lab.node(1))
}

async function obeysSettings(lab: Lab, ids: readonly number[]): Promise<void> {
  const [home, second, third] = [lab.node(1), lab.node(2), lab.node(3)]
  await said(third, 'mosctl block')
  await start(home, 6)
  await until('three jobs on each node that takes guests', STEP_LIMIT_SECONDS, async () => same(await counts(home, ids), [3, 3, 0]))
  const [own] = (await jobs(home)).filter(({ node }) => node === ids[0])
  const refused = await home.exec(`plump migrate ${own?.id ?? ''} ${ids[2]}`, { limitSeconds: STEP_LIMIT_SECONDS })
  expect(refused.exitCode).not.toBe(0)
  expect(refused.stderr).toMatch(/takes no guests[^]*fix: /)

  // Nobody may leave now, though node 3 is free: node 1 keeps its own, node 2 everything.
  await said(home, 'mosctl lstay')
  await said(second, 'mosctl stay')
  await said(third, 'mosctl noblock')
  await until('all jobs stay by what was said', NEWS_LIMIT_SECONDS, async () => {
    const all = await jobs(home)
    const reasons = await Promise.all(all.map(async ({ id, node }) => (await why(lab.node(ids.indexOf(node) + 1), id))?.judgement))
    return reasons.every((judgement, index) => judgement?.verdict === 'stays' && judgement.why === (all[index]?.node === ids[0] ? 'lstay' : 'stay'))
  })
  expect(await counts(home, ids)).toEqual([3, 3, 0])
  // lstay is about own jobs: the guests of node 2 may go on.
  await said(second, 'mosctl lstay; mosctl nostay')
  await until('a guest has moved on', STEP_LIMIT_SECONDS, async () => (await counts(home, ids))[2] === 1)
  expect((await counts(home, ids))[0]).toBe(3)

  await said(third, 'mosctl quiet')
  const [guest] = (await jobs(home)).filter(({ node }) => node === ids[2])
  await until('the quiet node decides nothing', NEWS_LIMIT_SECONDS, async () => {
    const judgement = (await why(third, guest?.id ?? ''))?.judgement
    return judgement?.verdict === 'stays' && judgement.why === 'quiet'
  })
  await until('nobody hears of the quiet node any more', NEWS_LIMIT_SECONDS, async () => ((await rows(home)).find(({ id }) => id === ids[2])?.ageMs ?? 0) > 15_000)
  await said(third, 'mosctl noquiet')
  await said(second, 'mosctl nolstay')
  await said(home, 'mosctl nolstay')
  await endAll(home)
}

/** One busy job beside an idle node has no reason to go, until its node runs out of memory. */
async function shedsForMemory(lab: Lab, ids: readonly number[]): Promise<void> {
  const home = lab.node(1)
  const id = (await said(home, `mosrun -b awk 'BEGIN { text = sprintf("%40000000s", "x"); while (1) i++ }'`)).trim()
  await until('it is told to stay where it is', NEWS_LIMIT_SECONDS, async () => (await why(home, id))?.judgement.verdict === 'stays' && (await why(home, id))?.judgement.job === id
    && ((await shown(home, id)).memoryBytes > 30_000_000))
  const swappedBefore = await swapped(home)
  await said(home, 'mkdir -p /run/fill && mount -t tmpfs -o size=90% tmpfs /run/fill; while [ $(awk \'/MemAvailable/ {print $2}\' /proc/meminfo) -gt 28000 ]; do dd if=/dev/zero of=/run/fill/$(date +%s%N) bs=1M count=4 2>/dev/null; done')
  await until('the job has left', STEP_LIMIT_SECONDS, async () => (await shown(home, id)).node !== ids[0])
  expect(await swapped(home)).toBe(swappedBefore)
  expect(await said(home, `grep 'balance: job ${id} ' /var/log/plump.log`)).toMatch(/because memory is short here/)
  await said(home, 'umount /run/fill')
  await endAll(home)
}

/** `mosrun -j auto` on a busy node starts on one that is not. */
async function startsWhereIdle(lab: Lab, ids: readonly number[]): Promise<void> {
  const home = lab.node(1)
  for (let jobsHere = 0; jobsHere < 2; jobsHere++) await said(home, LOOP.replace('-b', '-b --nomig'))
  await until('node 1 is busy', NEWS_LIMIT_SECONDS, async () => ((await rows(home)).find(({ self }) => self)?.load ?? 0) > 1.5)
  const id = (await said(home, LOOP.replace('-b', '-b -j auto'))).trim()
  const job = await shown(home, id)
  expect(job.node).not.toBe(ids[0])
  expect(job.migrations).toBe(0)
  await endAll(home)
}

async function leavesPool(lab: Lab, ids: readonly number[]): Promise<void> {
  const [home, third] = [lab.node(1), lab.node(3)]
  await start(home, 6)
  await until('node 3 has guests', STEP_LIMIT_SECONDS, async () => (await counts(home, ids))[2] === 2)
  const report = poolReportSchema.parse(JSON.parse(await said(third, 'plump pool leave --limit 120 --json')))
  expect(report).toMatchObject({ state: 'out', gives: false, takes: false, staying: [] })
  expect(report.moved).toHaveLength(2)
  expect((await counts(home, ids))[2]).toBe(0)
  await until('the others share its jobs', STEP_LIMIT_SECONDS, async () => same(await counts(home, ids), [3, 3, 0]))
  await said(third, 'plump pool join')
  await until('it has guests again', STEP_LIMIT_SECONDS, async () => same(await counts(home, ids), [2, 2, 2]))
}

/** The button of node 3: its guests go home before it is off. */
async function goesDownByPowerButton(lab: Lab, ids: readonly number[]): Promise<void> {
  const [home, third] = [lab.node(1), lab.node(3)]
  await third.pressPower()
  await until('node 3 is off', STEP_LIMIT_SECONDS, async () => (await third.status()).state === 'off')
  const left = await jobs(home)
  expect(left).toHaveLength(6)
  for (const job of left) expect(job.node).not.toBe(ids[2])
}

/** Node 2 loses power in the middle of it all: what ran there is lost, and nothing else. */
async function survivesDeath(lab: Lab, ids: readonly number[]): Promise<void> {
  const [home, second] = [lab.node(1), lab.node(2)]
  await start(home, 4)
  await until('jobs go to node 2', STEP_LIMIT_SECONDS, async () => (await jobs(home)).some(({ state }) => state === 'migrating'))
  await second.kill()
  await until('node 1 knows that node 2 is dead', STEP_LIMIT_SECONDS, async () => (await rows(home)).find(({ id }) => id === ids[1])?.state === 'failed')
  await until('every job is at home or ended with node 2', STEP_LIMIT_SECONDS, async () => (await jobs(home)).every(({ node, state }) => node === ids[0] && state === 'running'))
  const all = await allJobs(home)
  const lost = all.filter(({ outcome }) => outcome !== undefined && 'lost' in outcome)
  for (const job of lost) expect(job.outcome).toEqual({ lost: expect.stringContaining(`node ${ids[1]}`) as string })
  expect((await jobs(home)).length + lost.length).toBeGreaterThanOrEqual(10)
}

async function start(home: LabNode, count: number): Promise<void> {
  await said(home, `for i in $(seq ${count}); do ${LOOP}; done`)
}

async function endAll(home: LabNode): Promise<void> {
  for (const { id } of await jobs(home)) await home.exec(`plump job kill ${id}`)
  await until('all jobs have ended', STEP_LIMIT_SECONDS, async () => (await jobs(home)).length === 0)
}

async function allJobs(home: LabNode): Promise<Job[]> {
  return z.array(jobSchema).parse(JSON.parse(await said(home, 'plump job ls --json')))
}

/** Those that have not ended. */
async function jobs(home: LabNode): Promise<Job[]> {
  return (await allJobs(home)).filter(({ outcome }) => outcome === undefined)
}

/** How many of them run on each node. */
async function counts(home: LabNode, ids: readonly number[]): Promise<number[]> {
  const all = await jobs(home)
  return ids.map((id) => all.filter(({ node, state }) => node === id && state === 'running').length)
}

function same(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((value, index) => value === other[index])
}

/** Looks again and again while the node's own clock goes on by so many seconds. */
async function holdsFor(node: LabNode, seconds: number, check: () => Promise<void>): Promise<void> {
  const now = async (): Promise<number> => Number((await said(node, 'cat /proc/uptime')).split(' ')[0])
  const end = await now() + seconds
  await until(`${seconds} s have passed`, STEP_LIMIT_SECONDS, async () => {
    await check()
    return await now() > end
  })
}

async function why(node: LabNode, id: string): Promise<Why | undefined> {
  const { stdout, exitCode } = await node.exec(`plump why ${id} --json`)
  return exitCode === 0 ? whySchema.parse(JSON.parse(stdout)) : undefined
}

async function shown(home: LabNode, id: string): Promise<Job> {
  return jobSchema.parse(JSON.parse(await said(home, `plump job show ${id} --json`)))
}

async function rows(node: LabNode): Promise<NodeRow[]> {
  return z.array(nodeRowSchema).parse(JSON.parse(await said(node, 'plump nodes --json')))
}

async function idOf(node: LabNode): Promise<number> {
  return z.int().parse((await rows(node)).find(({ self }) => self)?.id)
}

/** KiB that were ever swapped out. */
async function swapped(node: LabNode): Promise<number> {
  return Number(await said(node, 'awk \'$1 == "pswpout" {print $2}\' /proc/vmstat'))
}

async function said(node: LabNode, command: string): Promise<string> {
  const { stdout, stderr, exitCode } = await node.exec(command, { limitSeconds: STEP_LIMIT_SECONDS })
  if (exitCode !== 0) throw new Error(`${command} on node ${node.number}: exit ${exitCode}: ${stderr}`)
  return stdout
}
