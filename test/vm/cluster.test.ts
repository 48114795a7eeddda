import { expect, test } from 'vitest'
import type { Lab } from '../../builder/lab/lab.ts'
import { until } from './support/until.ts'
import { members, withLab } from './support/with-lab.ts'

const CUT_SECONDS = 60
/** Serf declares a silent node failed after 5 probe intervals and its suspicion time; software emulation is slow on top. */
const FAILED_LIMIT_SECONDS = 60
const REJOIN_LIMIT_SECONDS = 150

test('three nodes join; one is killed, is seen as failed, and comes back with its id; one is cut off for a minute and rejoins', async () => {
  await withLab({ nodes: 3, medium: 'kernel' }, async (lab) => {
    await Promise.all(lab.nodes.map((node) => node.waitForStage('joined')))
    await until('showmap on each shows three', 30, async () => (await mapRows(lab)).every((rows) => rows === 3))

    const before = await lab.node(3).waitForStage('ready')
    await lab.node(3).kill()
    await until('node 3 is seen as failed', FAILED_LIMIT_SECONDS, async () => (await states(lab, 1, before.fields['id'])).includes('failed'))
    await lab.node(3).start()
    const after = await lab.node(3).waitForStage('joined')
    expect(after.fields['members']).toBe('3')
    expect((await lab.node(3).waitForStage('ready')).fields['id']).toBe(before.fields['id'])
    await until('node 3 is alive again, once', 30, async () => String(await states(lab, 1, before.fields['id'])) === 'alive')

    await lab.node(2).cut()
    const cutAt = Date.now()
    await until('node 2 is alone', FAILED_LIMIT_SECONDS, async () => (await alive(lab, 2)) === 1)
    await until('the cut has lasted', CUT_SECONDS, () => Promise.resolve(Date.now() - cutAt > CUT_SECONDS * 1000))
    await lab.node(2).heal()
    await until('one cluster again', REJOIN_LIMIT_SECONDS, async () => {
      const seen = await Promise.all([1, 2, 3].map((number) => alive(lab, number)))
      return seen.every((count) => count === 3)
    })
  })
})

async function mapRows(lab: Lab): Promise<number[]> {
  const maps = await Promise.all(lab.nodes.map((node) => node.exec('showmap')))
  return maps.map(({ stdout }) => stdout.split('\n').filter((line) => /^0x[0-9a-f]{4}\s/.test(line)).length)
}

async function states(lab: Lab, asked: number, id: string | undefined): Promise<string[]> {
  return (await members(lab.node(asked))).filter((member) => String(member.id) === id).map((member) => member.state)
}

async function alive(lab: Lab, asked: number): Promise<number> {
  return (await members(lab.node(asked))).filter((member) => member.state === 'alive').length
}
