import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { run } from '../../builder/os/run.ts'
import { members, withLab } from './support/with-lab.ts'
import { buildVariant } from './support/variant.ts'

const newKey = (): string => randomBytes(32).toString('base64')

test('a node with another cluster key on the same wire is not joined, learns nothing, and both say so', async () => {
  await withLab({ nodes: 1, medium: 'kernel' }, async (lab) => {
    const other = await lab.add({ medium: 'kernel', append: `plump.key=${newKey()}` })
    for (const node of lab.nodes) {
      await node.waitForStage('ready')
      await node.waitForText(/plump: waiting for .*another cluster/i, { limitSeconds: 60 })
    }
    expect(await members(lab.node(1))).toHaveLength(1)
    const strangers = await members(other)
    expect(strangers.map((member) => member.self)).toEqual([true])
  })
})

test('cluster.key: ask builds an ISO without the key; the node asks, refuses a wrong text, takes the right one and joins', async () => {
  const key = newKey()
  const iso = await buildVariant('ask', 'cluster:\n  key: ask\n')
  await withLab({ nodes: 1, medium: 'kernel', iso, append: `plump.key=${key}` }, async (lab) => {
    const asking = await lab.add({ medium: 'kernel', iso })
    await asking.waitForText(/plump: waiting for .*key/i)
    const wrong = await asking.exec('echo not-a-key | plump key enter')
    expect(wrong.exitCode).not.toBe(0)
    expect(wrong.stderr).toMatch(/KEY_REFUSED/)
    const right = await asking.exec(`echo ${key} | plump key enter`)
    expect(right).toMatchObject({ exitCode: 0 })
    await asking.waitForStage('joined')
    const { stdout } = await asking.exec(`grep -rlF ${key} /var/log /run/plump/agent.log /run/plump/stages.json 2>/dev/null`)
    expect(stdout).toBe('')
  })
})

test('the key typed at the screen: a wrong one is refused, the right one is taken', async () => {
  const key = newKey()
  const iso = await buildVariant('ask', 'cluster:\n  key: ask\n')
  await withLab({ nodes: 1, medium: 'kernel', iso, append: `plump.key=${key}` }, async (lab) => {
    const asking = await lab.add({ medium: 'kernel', iso })
    await asking.waitForText(/plump: waiting for .*key/i)
    await asking.waitForStage('address')
    await asking.type('wrong\n')
    await asking.type(`${key}\n`)
    await asking.waitForStage('joined')
  })
})

test('a file plump.key on a USB stick is taken', async () => {
  const key = newKey()
  const ask = await buildVariant('ask', 'cluster:\n  key: ask\n')
  await withLab({ nodes: 1, medium: 'kernel', iso: ask, append: `plump.key=${key}` }, async (lab) => {
    const stick = join(lab.folder, 'stick.img')
    await makeStick(stick, key)
    const node = await lab.add({ medium: 'kernel', iso: ask })
    await node.waitForText(/plump: waiting for .*key/i)
    await node.plugDisk(stick)
    await node.waitForStage('joined')
  })
})

/** A FAT file system of 2 MB with the file plump.key in it. */
async function makeStick(image: string, key: string): Promise<void> {

  const folder = `${image}.files`
  await mkdir(folder)
  await writeFile(join(folder, 'plump.key'), `${key}\n`)
  await run('mformat', ['-C', '-i', image, '-h', '16', '-s', '32', '-T', '4096', '::'])
  await run('mcopy', ['-i', image, join(folder, 'plump.key'), '::plump.key'])
}
