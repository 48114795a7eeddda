import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { LabNode } from '../../builder/lab/lab-node.ts'
import { run } from '../../builder/os/run.ts'
import { until } from './support/until.ts'
import { buildVariant } from './support/variant.ts'
import { withLab } from './support/with-lab.ts'

const HOST_KEY = '/run/plump/data/plump/dropbear_ed25519_host_key'

/** A disk of its own kind for the node: 64 MB, one file system labelled PLUMPDATA. */
async function makeDisk(image: string): Promise<void> {
  await writeFile(image, '')
  await truncate(image, 64 * 1024 * 1024)
  await run('mkfs.ext4', ['-q', '-F', '-L', 'PLUMPDATA', image])
}

async function hostKey(node: LabNode): Promise<string> {
  await until('the ssh host key is made', 120, async () => (await node.exec(`test -s ${HOST_KEY}`)).exitCode === 0)
  return (await node.exec(`dropbearkey -y -f ${HOST_KEY} | grep ^ssh-`)).stdout
}

test('PLUMPDATA keeps /home, the ssh host key and the addresses of members over a power cut', async () => {
  const iso = await buildVariant('ssh', 'ssh:\n  authorizedKeys:\n    - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0K0C0K0C0K0C0K0C0K0C0K0C0K0C0K0C0K0C0K0C0K test\n')
  await withLab({ nodes: 1, medium: 'kernel', iso }, async (lab) => {
    const image = join(lab.folder, 'data.img')
    await makeDisk(image)
    const node = await lab.add({ medium: 'kernel', iso, disk: image })
    await node.waitForStage('joined')
    expect((await node.exec('echo kept > /home/file && chmod 640 /home/file && mkdir /home/someone && chown 1000:1000 /home/someone && sync')).exitCode).toBe(0)
    const before = await hostKey(node)
    await until('Serf writes the members down', 60, async () => (await node.exec('grep -q ^alive /run/plump/data/plump/serf-snapshot')).exitCode === 0)
    await node.exec('sync')

    await node.kill()
    await node.start()
    await node.waitForStage('joined')
    expect((await node.exec('cat /home/file; stat -c "%a %u" /home/file /home/someone')).stdout).toBe('kept\n640 0\n755 1000\n')
    expect(await hostKey(node)).toBe(before)
    expect((await node.exec('stat -c %a /run/plump/data/plump')).stdout).toBe('700\n')
    // A node without such a partition has nothing there.
    expect((await lab.node(1).exec('test -e /run/plump/data')).exitCode).not.toBe(0)
  })
})
