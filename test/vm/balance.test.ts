import { expect, test } from 'vitest'
import * as z from 'zod'
import type { Lab } from '../../builder/lab/lab.ts'
import { watchEventSchema } from '../../schema/watch.ts'
import { jobs, knowsLoads, startLoops, staySpread, TEST_LIMIT_MS, untilCounts } from './support/balance.ts'
import { said } from './support/jobs.ts'
import { withLab } from './support/with-lab.ts'

const MOVES_LIMIT = 16
/** How long the spread must hold. */
const HOLD_SECONDS = 20

test('twelve jobs of one node spread over three and stay; a node of a third of the speed gets a third', async () => {
  await withLab({ nodes: 3, medium: 'kernel' }, async (lab) => {
    const ids = await knowsLoads(lab)
    expect(await said(lab.node(1), 'mosmon -s')).toMatch(/^Speed .*: 3 nodes\n/)
    await spreads(lab, ids)
    await followsSpeed(lab, ids)
  })
}, TEST_LIMIT_MS)

/** 12 jobs, started on node 1; what is watched and what was decided agree with it. */
async function spreads(lab: Lab, ids: readonly number[]): Promise<void> {
  const home = lab.node(1)
  await said(home, 'plump watch --json > /tmp/events 2>/dev/null < /dev/null & echo $! > /tmp/watch.pid')
  await startLoops(home, 12)
  await untilCounts('four jobs on each node', lab, ids, [4, 4, 4])
  await staySpread(lab, [4, 4, 4], HOLD_SECONDS)
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
  await untilCounts('the slow node has two jobs', lab, ids, [5, 5, 2])
  }
