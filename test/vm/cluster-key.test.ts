import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { LabNode } from '../../builder/lab/lab-node.ts'
import { run } from '../../builder/os/run.ts'
import { PROJECT_FOLDER } from '../../builder/version.ts'
import { keyStatusSchema, type KeyStatus } from '../../schema/key-api.ts'
import { until } from './support/until.ts'
import { members, withLab } from './support/with-lab.ts'
import { buildVariant, variantFolder } from './support/variant.ts'

const LIMIT_SECONDS = 240

test('the key of a running cluster is changed: an ISO with the new key joins before and after, nobody is lost on the way, and in the end the old key is refused', async () => {
  const config = join(variantFolder('rotated'), 'config')
  await rm(variantFolder('rotated'), { recursive: true, force: true })
  const env = { XDG_CONFIG_HOME: config }
  const isoBefore = await buildVariant('rotated/before', '', env)
  await run(join(PROJECT_FOLDER, 'plump'), ['key', 'rotate'], { env })
  const isoAfter = await buildVariant('rotated/after', 'cluster: {rotationHours: 0.008}\n', env)
  const keys = (await readFile(join(config, 'plump', 'keys', 'plump.key'), 'utf8')).trim().split('\n')
  expect(keys).toHaveLength(2)

  await withLab({ nodes: 2, medium: 'kernel', iso: isoBefore }, async (lab) => {
    const [first, second] = [lab.node(1), lab.node(2)]
    await Promise.all(lab.nodes.map((node) => node.waitForStage('joined')))
    const { fingerprint: oldFingerprint } = await keyStatus(first)
    const third = await lab.add({ medium: 'kernel', iso: isoAfter })
    await third.waitForStage('joined')
    await until('a node of the old ISO learns the new key', LIMIT_SECONDS, async () => (await keyStatus(second)).fingerprint !== oldFingerprint)

    await until('all have the new key alone', LIMIT_SECONDS, async () => {
      expect((await members(first)).map(({ state }) => state)).toEqual(['alive', 'alive', 'alive'])
      return (await Promise.all(lab.nodes.map(keyStatus))).every(({ state }) => state === 'one-key')
    })
    const fingerprints = await Promise.all(lab.nodes.map(async (node) => (await keyStatus(node)).fingerprint))
    expect(new Set(fingerprints).size).toBe(1)
    expect(fingerprints).not.toContain(oldFingerprint)
    const { stdout } = await second.exec('stat -c %a /etc/plump/cluster.key /run/plump/serf/keyring.json; wc -l </etc/plump/cluster.key; cat /etc/plump/cluster.key')
    expect(stdout.trim().split('\n')).toEqual(['600', '600', '1', keys[0]])

    await Promise.all([second.kill(), third.kill()])
    await second.start()
    const timeServer = (await second.waitForStage('ready')).fields['addr'] ?? ''
    // A node that is a stranger serves the time like any other machine: the third is told of it by DHCP.
    await lab.setDhcp(0, 'dnsmasq', { ntp: timeServer })
    await third.start()
    await third.waitForStage('joined')
    await until('the time server of DHCP is followed', 120, async () => (await third.exec('plump net check --json')).stdout.includes(`follows ${timeServer}`))
    for (const node of [first, second]) await node.waitForText(/plump: waiting for .*another cluster/i, { limitSeconds: 60 })
    expect((await members(second)).map(({ self }) => self)).toEqual([true])
    expect((await members(third)).filter(({ state }) => state === 'alive')).toHaveLength(2)
    for (const node of [first, third]) {
      const log = await node.exec(`grep -cF -e ${keys.join(' -e ')} /var/log/plump.log /run/plump/stages.json; exit 0`)
      expect(log.stdout).not.toMatch(/:[1-9]/)
    }
  })
})

test('cluster.key: ask builds an ISO without the key; nodes ask, and take it from plump key enter, from the screen and from a USB stick', async () => {
  const key = randomBytes(32).toString('base64')
  const iso = await buildVariant('ask', 'cluster:\n  key: ask\n')
  await withLab({ nodes: 1, medium: 'kernel', iso, append: `plump.key=${key}` }, async (lab) => {
    const [byCommand, atScreen, byStick] = [await lab.add({ medium: 'kernel', iso }), await lab.add({ medium: 'kernel', iso }), await lab.add({ medium: 'kernel', iso })]
    for (const node of [byCommand, atScreen, byStick]) await node.waitForText(/plump: waiting for .*key/i)
    const wrong = await byCommand.exec('echo not-a-key | plump key enter')
    expect(wrong.exitCode).not.toBe(0)
    expect(wrong.stderr).toMatch(/KEY_REFUSED/)
    expect(await byCommand.exec(`echo ${key} | plump key enter`)).toMatchObject({ exitCode: 0 })

    const stick = join(lab.folder, 'stick.img')
    await makeStick(stick, key)
    await byStick.plugDisk(stick)

    for (const node of [byCommand, byStick]) await node.waitForStage('joined')

    // Last, when no other node starts, and again if need be: a machine that is kept waiting repeats a key that is held down.
    await atScreen.type('wrong\n')
    await until('the key typed at the screen is taken', 300, async () => {
      await atScreen.type(`${key}\n`)
      return (await atScreen.exec('test -e /etc/plump/cluster.key')).exitCode === 0
    })
    await atScreen.waitForStage('joined')
    const { stdout } = await byCommand.exec(`grep -rlF ${key} /var/log /run/plump/agent.log /run/plump/stages.json 2>/dev/null`)
    expect(stdout).toBe('')
  })
})

async function keyStatus(node: LabNode): Promise<KeyStatus> {
  return keyStatusSchema.parse(JSON.parse((await node.exec('plump key status --json')).stdout))
}

/** A FAT file system of 2 MB with the file plump.key in it. */
async function makeStick(image: string, key: string): Promise<void> {
  const folder = `${image}.files`
  await mkdir(folder)
  await writeFile(join(folder, 'plump.key'), `${key}\n`)
  await run('mformat', ['-C', '-i', image, '-h', '16', '-s', '32', '-T', '4096', '::'])
  await run('mcopy', ['-i', image, join(folder, 'plump.key'), '::plump.key'])
}
