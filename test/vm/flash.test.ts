import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newestIso } from '../../builder/config/newest-iso.ts'
import { run } from '../../builder/os/run.ts'
import { PROJECT_FOLDER } from '../../builder/version.ts'
import { until } from './support/until.ts'
import { withLab } from './support/with-lab.ts'

/** Only root can make a loop device; it stands for the stick. */
const isRoot = process.getuid?.() === 0

test.runIf(isRoot)('a stick written by ./plump flash --persist starts a BIOS PC, which keeps /home on it', async () => {
  await withLab({ nodes: 0 }, async (lab) => {
    const stick = join(lab.folder, 'stick.img')
    await writeFile(stick, '')
    await truncate(stick, 256 * 1024 * 1024)
    const loop = (await run('losetup', ['--find', '--show', stick])).trim()
    try {
      const flash = ['flash', await newestIso(undefined), loop, '--yes', '--persist', '--json']
      await expect(run(join(PROJECT_FOLDER, 'plump'), flash)).rejects.toMatchObject({ message: expect.stringContaining('DISK_REFUSED') as string })
      const told = JSON.parse(await run(join(PROJECT_FOLDER, 'plump'), [...flash, '--loop'])) as { device: string; data: { bytes: number } }
      expect(told.device).toBe(loop)
      expect(told.data.bytes).toBeGreaterThan(100_000_000)
    } finally {
      await run('losetup', ['--detach', loop])
    }
    const node = await lab.add({ medium: 'disk', iso: stick })
    await node.waitForStage('ready', { limitSeconds: 420 })
    await until('PLUMPDATA is mounted', 60, async () => (await node.exec('test -d /run/plump/data/plump')).exitCode === 0)
    expect((await node.exec("grep -c ' /home ext4 ' /proc/mounts")).stdout.trim()).toBe('1')
  })
})
