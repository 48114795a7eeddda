import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { LabNode } from '../../builder/lab/lab-node.ts'
import { packageReportSchema } from '../../schema/package-report.ts'
import { makeDisk } from './support/make-disk.ts'
import { makePackage } from './support/make-package.ts'
import { until } from './support/until.ts'
import { buildVariant, variantFolder } from './support/variant.ts'
import { withLab } from './support/with-lab.ts'

const HOST_KEY = '/run/plump/data/plump/dropbear_ed25519_host_key'

const YAML = `packages:
  folder: packages
ssh:
  authorizedKeys:
    - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0K0C0K0C0K0C0K0C0K0C0K0C0K0C0K0C0K0C0K0C0K test
`

/** An ISO whose list names a package that only a partition PLUMPDATA has. */
async function buildWithList(): Promise<string> {
  const folder = variantFolder('data-partition')
  await rm(folder, { recursive: true, force: true })
  await mkdir(join(folder, 'packages'), { recursive: true })
  await writeFile(join(folder, 'packages/list'), 'data:tools.tar.gz\n')
  return buildVariant('data-partition', YAML)
}

/** The folder of a partition with that package: a program, and another that is to be started. */
async function makeFiles(folder: string): Promise<string> {
  const files = join(folder, 'files')
  await mkdir(join(files, 'packages'), { recursive: true })
  await makePackage(join(files, 'packages'), 'tools.tar.gz', {
    'usr/bin/tool': '#!/bin/sh\necho from the disk\n', 'etc/plump/start.d/marker': '#!/bin/sh\necho started > /run/marker\n',
  })
  await rm(join(files, 'packages/tools.tar.gz.tree'), { recursive: true })
  return files
}

async function hostKey(node: LabNode): Promise<string> {
  await until('the ssh host key is made', 120, async () => (await node.exec(`test -s ${HOST_KEY}`)).exitCode === 0)
  return (await node.exec(`dropbearkey -y -f ${HOST_KEY} | grep ^ssh-`)).stdout
}

test('PLUMPDATA keeps /home, the ssh host key and the addresses of members over a power cut, and brings packages', async () => {
  const iso = await buildWithList()
  await withLab({ nodes: 1, medium: 'kernel', iso }, async (lab) => {
    const image = join(lab.folder, 'data.img')
    await makeDisk(image, await makeFiles(lab.folder))
    const node = await lab.add({ medium: 'kernel', iso, disk: image })
    await node.waitForStage('joined')
    expect((await node.exec('echo kept > /home/file && chmod 640 /home/file && mkdir /home/someone && chown 1000:1000 /home/someone && sync')).exitCode).toBe(0)
    await until('the package of the disk is unpacked and its program started', 120, async () => (await node.exec('tool && cat /run/marker')).stdout === 'from the disk\nstarted\n')
    expect(packageReportSchema.parse(JSON.parse((await node.exec('plump packages --json')).stdout))).toMatchObject([{ source: 'data:tools.tar.gz', state: 'unpacked', starts: ['marker'] }])
    const before = await hostKey(node)
    await until('Serf writes the members down', 60, async () => (await node.exec('grep -q ^alive /run/plump/data/plump/serf-snapshot')).exitCode === 0)
    await node.exec('sync')

    await node.kill()
    await node.start()
    await node.waitForStage('joined')
    expect((await node.exec('cat /home/file; stat -c "%a %u" /home/file /home/someone')).stdout).toBe('kept\n640 0\n755 1000\n')
    const { id } = (await node.waitForStage('ready')).fields
    await until('another node sees that /home below /mfs', 120, async () => (await lab.node(1).exec(`cat /mfs/${id}/home/file`)).stdout === 'kept\n')
    expect(await hostKey(node)).toBe(before)
    expect((await node.exec('stat -c %a /run/plump/data/plump')).stdout).toBe('700\n')
    // A node without such a partition has nothing there.
    expect(packageReportSchema.parse(JSON.parse((await lab.node(1).exec('plump packages --json')).stdout))).toMatchObject([{ source: 'data:tools.tar.gz', state: 'missing' }])
    expect((await lab.node(1).exec('test -e /run/plump/data')).exitCode).not.toBe(0)
  })
})
