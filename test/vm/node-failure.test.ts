import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { LabNode } from '../../builder/lab/lab-node.ts'
import { run } from '../../builder/os/run.ts'
import { until } from './support/until.ts'
import { buildVariant } from './support/variant.ts'
import { withLab } from './support/with-lab.ts'

test('a node that cannot go on fills the screen with the reason and the fix; plump support writes an archive without secrets', async () => {
  const iso = await buildVariant('no-driver', 'nics:\n  set: [r8169]\n')
  await withLab({ nodes: 1, medium: 'kernel', nics: 'e1000', iso }, async (lab) => {
    const node = lab.node(1)
    await node.waitForText(/plump: waiting for a driver for pci:\S+ 8086:100e; build the image with nics\.set: wired/)
    await until('the failure fills the screen', 60, async () => /This node cannot go on[\s\S]*a driver for pci:\S+ 8086:100e[\s\S]*nics\.set:\s+wired/.test(await screenOf(node)))

    await node.exec('cp /etc/plump/node.json /run/node.json && echo {} > /etc/plump/node.json && kill $(pidof node)')
    await node.waitForText(/plump: waiting for the agent, which ended 3 times in a row/)
    await until('the end of the agent fills the screen', 60, async () => /its agent ends again and again[\s\S]*a usable\s+\/etc\/plump\/node\.json/.test(await screenOf(node)))

    // Without an agent, and with the key where it does not belong.
    const key = (await node.exec('cat /etc/plump/cluster.key')).stdout.trim()
    await node.exec(`echo "somebody pasted ${key} here" >> /var/log/plump.log`)
    const none = await node.exec('plump support')
    expect(none).toMatchObject({ exitCode: 1 })
    expect(none.stderr).toMatch(/error\[NO_STICK\][\s\S]*fix: .*plump support -/)
    expect((await node.exec('plump support - | tar -tz')).stdout).toMatch(/plump\.log\n/)
    const stick = join(lab.folder, 'support.img')
    await run('mformat', ['-C', '-i', stick, '-h', '16', '-s', '32', '-T', '32768', '::'])
    await node.plugDisk(stick, { writable: true })
    await until('the archive is on the stick', 60, async () => (await node.exec('plump support')).exitCode === 0)

    await node.exec('cp /run/node.json /etc/plump/node.json')
    await until('the agent is back, and the screen with it', 60, async () => (await screenOf(node)).includes('a driver for pci'))
    await node.kill()
    const texts = await unpackFrom(stick, join(lab.folder, 'support'))
    expect(texts.get('hardware.txt')).toMatch(/8086:100e .*driver none/)
    expect(texts.get('plump.log')).toMatch(/somebody pasted \[removed\] here/)
    expect([...texts.keys()]).toEqual(expect.arrayContaining(['README.txt', 'dmesg.txt', 'network/addresses.txt', 'network/firewall.txt', 'node.json', 'proc/cmdline']))
    expect([...texts].filter(([, text]) => text.includes(key)).map(([name]) => name)).toEqual([])
  })
})

async function screenOf(node: LabNode): Promise<string> {
  return (await node.exec('cat /dev/vcs1')).stdout
}

/** The files of the one archive on a stick's image, by their names in it. */
async function unpackFrom(image: string, folder: string): Promise<Map<string, string>> {
  await mkdir(folder)
  await run('mcopy', ['-i', image, '::plump-support-*.tar.gz', folder])
  const [archive = ''] = await readdir(folder)
  await run('tar', ['-xzf', join(folder, archive), '-C', folder])
  const names = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = names.filter((entry) => entry.isFile() && !entry.name.endsWith('.tar.gz')).map((entry) => join(entry.parentPath, entry.name))
  return new Map(await Promise.all(files.map(async (file): Promise<[string, string]> => [file.split('/').slice(folder.split('/').length + 1).join('/'), await readFile(file, 'utf8')])))
}
