import { expect, test } from 'vitest'
import { counts, jobs, knowsLoads, NEWS_LIMIT_SECONDS, rows, startLoops, STEP_LIMIT_SECONDS, TEST_LIMIT_MS, untilCounts, why } from './support/balance.ts'
import { said } from './support/jobs.ts'
import { until } from './support/until.ts'
import { withLab } from './support/with-lab.ts'

/** A quiet node is not heard of: its figures get older than any that travel. */
const UNHEARD_MS = 15_000

test('block keeps guests away, lstay own jobs and stay all jobs where they are; a quiet node decides nothing and is not heard of', async () => {
  await withLab({ nodes: 3, medium: 'kernel' }, async (lab) => {
    const ids = await knowsLoads(lab)
    const [home, second, third] = [lab.node(1), lab.node(2), lab.node(3)]
    await said(third, 'mosctl block')
    await startLoops(home, 4)
    await untilCounts('two jobs on each node that takes guests', lab, ids, [2, 2, 0])
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
    expect(await counts(home, ids)).toEqual([2, 2, 0])
    // lstay is about own jobs: the guests of node 2 may go on.
    await said(second, 'mosctl lstay; mosctl nostay')
    await untilCounts('a guest has moved on', lab, ids, [2, 1, 1])

    await said(third, 'mosctl quiet')
    const [guest] = (await jobs(home)).filter(({ node }) => node === ids[2])
    await until('the quiet node decides nothing', NEWS_LIMIT_SECONDS, async () => {
      const judgement = (await why(third, guest?.id ?? ''))?.judgement
      return judgement?.verdict === 'stays' && judgement.why === 'quiet'
    })
    await until('nobody hears of the quiet node any more', NEWS_LIMIT_SECONDS, async () => ((await rows(home)).find(({ id }) => id === ids[2])?.ageMs ?? 0) > UNHEARD_MS)
  })
}, TEST_LIMIT_MS)
