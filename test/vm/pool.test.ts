import { expect, test } from 'vitest'
import type { Lab } from '../../builder/lab/lab.ts'
import type { LabNode } from '../../builder/lab/lab-node.ts'
import { poolReportSchema } from '../../schema/pool.ts'
import { allJobs, counts, endAll, jobs, knowsLoads, LOOK_MS, LOOP, NEWS_LIMIT_SECONDS, rows, shown, startLoops, STEP_LIMIT_SECONDS, TEST_LIMIT_MS, untilCounts, why } from './support/balance.ts'
import { said } from './support/jobs.ts'
import { until } from './support/until.ts'
import { withLab } from './support/with-lab.ts'

const LEAVE_LIMIT_SECONDS = 120
/** What is left available: 6 MiB less than 132 MiB and the sixteenth of 512 MB (agent/balance/proc-load.ts), below which the node is short of memory; more than the 120 MiB at which it may swap. */
const AVAILABLE_KIB = 158_500

test('a node short of memory sheds a job before it swaps; a job starts where it is idle; a node that leaves the pool, by word or by its power button, sends guests home; one that dies costs only what ran there', async () => {
  await withLab({ nodes: 3, medium: 'kernel' }, async (lab) => {
    const ids = await knowsLoads(lab)
    await shedsForMemory(lab, ids)
    await startsWhereIdle(lab, ids)
    await leavesPool(lab, ids)
    await goesDownByPowerButton(lab, ids)
    await survivesDeath(lab, ids)
  })
}, TEST_LIMIT_MS)

/** A job that sleeps has no reason to go, until its node runs out of memory. */
async function shedsForMemory(lab: Lab, ids: readonly number[]): Promise<void> {
  const home = lab.node(1)
  const id = (await said(home, `mosrun -b awk 'BEGIN { text = sprintf("%20000000s", "x"); system("sleep 100000") }' < /dev/null`)).trim()
  await until('it is told to stay where it is', NEWS_LIMIT_SECONDS, async () => {
    const judgement = (await why(home, id))?.judgement
    return judgement?.verdict === 'stays' && judgement.why === 'idle' && (await shown(home, id)).memoryBytes > 15_000_000
  }, LOOK_MS)
  const swappedBefore = await swappedKiB(home)
  await said(home, `mkdir -p /run/fill && mount -t tmpfs -o size=95% tmpfs /run/fill; while [ $(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo) -gt ${AVAILABLE_KIB} ]; do dd if=/dev/urandom of=/run/fill/$((n += 1)) bs=1M count=2 2>/dev/null; done`)
  await until('the job has left', STEP_LIMIT_SECONDS, async () => (await shown(home, id)).node !== ids[0], LOOK_MS)
  expect(await swappedKiB(home)).toBe(swappedBefore)
  await said(home, 'umount /run/fill')
  await endAll(home)
}

/** What was ever swapped out. */
async function swappedKiB(node: LabNode): Promise<number> {
  return Number(await said(node, 'awk \'$1 == "pswpout" { print $2 * 4 }\' /proc/vmstat'))
}

/** `mosrun -j auto` on a busy node starts on one that is not. */
async function startsWhereIdle(lab: Lab, ids: readonly number[]): Promise<void> {
  const home = lab.node(1)
  await startLoops(home, 2, '--nomig')
  await until('node 1 is busy', NEWS_LIMIT_SECONDS, async () => ((await rows(home)).find(({ self }) => self)?.load ?? 0) > 1.5)
  const id = (await said(home, `mosrun -b -j auto ${LOOP} < /dev/null`)).trim()
  const job = await shown(home, id)
  expect(job.node).not.toBe(ids[0])
  expect(job.migrations).toBe(0)
  await endAll(home)
}

async function leavesPool(lab: Lab, ids: readonly number[]): Promise<void> {
  const [home, third] = [lab.node(1), lab.node(3)]
  await startLoops(home, 3)
  await untilCounts('one job on each node', lab, ids, [1, 1, 1])
  const report = poolReportSchema.parse(JSON.parse(await said(third, `plump pool leave --limit ${LEAVE_LIMIT_SECONDS} --json`)))
  expect(report).toMatchObject({ state: 'out', gives: false, takes: false, staying: [] })
  expect(report.moved).toHaveLength(1)
  expect((await counts(home, ids))[2]).toBe(0)
  await said(third, 'plump pool join')
  await untilCounts('it has a guest again', lab, ids, [1, 1, 1])
}

/** The button of node 3: its guest goes home before it is off. */
async function goesDownByPowerButton(lab: Lab, ids: readonly number[]): Promise<void> {
  const [home, third] = [lab.node(1), lab.node(3)]
  await third.pressPower()
  await until('node 3 is off', STEP_LIMIT_SECONDS, async () => (await third.status()).state === 'off')
  const left = await jobs(home)
  expect(left).toHaveLength(3)
  for (const job of left) expect(job.node).not.toBe(ids[2])
}

/** Node 2 loses power in the middle of a move to it: what ran there is lost, and nothing else. */
async function survivesDeath(lab: Lab, ids: readonly number[]): Promise<void> {
  const [home, second] = [lab.node(1), lab.node(2)]
  await startLoops(home, 3)
  await until('a job is on its way to node 2', STEP_LIMIT_SECONDS, async () => (await jobs(home)).some(({ state }) => state === 'migrating'))
  await second.kill()
  await until('node 1 knows that node 2 is dead', STEP_LIMIT_SECONDS, async () => (await rows(home)).find(({ id }) => id === ids[1])?.state === 'failed', LOOK_MS)
  await until('every job is at home or ended with node 2', STEP_LIMIT_SECONDS, async () => (await jobs(home)).every(({ node, state }) => node === ids[0] && state === 'running'), LOOK_MS)
  const lost = (await allJobs(home)).filter(({ outcome }) => outcome !== undefined && 'lost' in outcome)
  expect(lost.length).toBeGreaterThan(0)
  for (const job of lost) expect(job.outcome).toEqual({ lost: expect.stringContaining(`node ${ids[1]}`) as string })
  expect((await jobs(home)).length + lost.length).toBe(6)
}
