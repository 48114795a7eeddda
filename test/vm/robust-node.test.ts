import { expect, test } from 'vitest'
import { until } from './support/until.ts'
import { members, withLab } from './support/with-lab.ts'

test('192 MB of memory: ready and joined', async () => {
  await withLab({ nodes: 1, medium: 'kernel' }, async (lab) => {
    const small = await lab.add({ medium: 'kernel', memoryMiB: 192 })
    await small.waitForStage('ready')
    await small.waitForStage('joined')
  })
})

test('the agent is killed: back within seconds, network and members undisturbed', async () => {
  await withLab({ nodes: 2, medium: 'kernel' }, async (lab) => {
    const [killed, witness] = [lab.node(1), lab.node(2)]
    await Promise.all(lab.nodes.map((node) => node.waitForStage('joined')))
    const before = await killed.exec('pidof serf; pidof -s udhcpc; ip -4 addr show eth0 | grep inet')
    const pid = (await killed.exec("pidof node")).stdout.trim()
    expect(pid).toMatch(/^\d+$/)
    await killed.exec(`kill -9 ${pid}`)
    await until('the agent answers again', 30, async () => (await killed.exec('plump status --json')).exitCode === 0)
    const after = await killed.exec('pidof serf; pidof -s udhcpc; ip -4 addr show eth0 | grep inet')
    expect(after.stdout).toBe(before.stdout)
    await until('it knows the members again', 30, async () => (await members(killed)).filter((member) => member.state === 'alive').length === 2)
    expect((await members(witness)).map((member) => member.state)).toEqual(['alive', 'alive'])
    expect((await witness.exec('plump log')).stdout).not.toMatch(/failed|left/)
  })
})
