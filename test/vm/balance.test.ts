import { expect, test } from 'vitest'
import * as z from 'zod'
import type { LabNode } from '../../builder/lab/lab-node.ts'
import { nodeRowSchema } from '../../schema/balance-api.ts'
import type { NodeRow } from '../../schema/balance-api.ts'
import { until } from './support/until.ts'
import { withLab } from './support/with-lab.ts'

const NEWS_LIMIT_SECONDS = 60

test('nodes tell each other their load over the mesh; a speed that is set reaches the others', async () => {
  await withLab({ nodes: 2, medium: 'kernel' }, async (lab) => {
    await Promise.all(lab.nodes.map((node) => node.waitForStage('joined')))
    await until('node 1 knows the load of both', NEWS_LIMIT_SECONDS, async () => (await rows(lab.node(1))).filter(({ load }) => load !== undefined).length === 2)
    const other = (await rows(lab.node(1))).find(({ self }) => !self)
    expect(other?.memoryTotalKiB).toBeGreaterThan(100_000)

    await lab.node(2).exec('tune 3333')
    await until('node 1 hears of the speed', NEWS_LIMIT_SECONDS, async () => (await rows(lab.node(1))).some(({ self, speed }) => !self && speed === 3_333))
    const chart = await lab.node(1).exec('mosmon -s')
    expect(chart.stdout).toMatch(/^Speed .*: 2 nodes\n[^]*3333/)
  })
})

async function rows(node: LabNode): Promise<NodeRow[]> {
  return z.array(nodeRowSchema).parse(JSON.parse((await node.exec('plump nodes --json')).stdout))
}
