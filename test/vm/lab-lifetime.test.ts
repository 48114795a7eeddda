import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openLab, startLab, type Lab } from '../../builder/lab/lab.ts'
import { labOwner, listLabs } from '../../builder/lab/state-folder.ts'
import { PROJECT_FOLDER } from '../../builder/version.ts'
import { until } from './support/until.ts'

/** Processes of a lab: its folder is in the command line of all of them but the DHCP servers, which share its network's owner. */
function processesOf(folder: string, namespaces: ReadonlySet<string>): string[] {
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder) || namespaces.has(readlinkSync(`/proc/${pid}/ns/pid`))
    } catch {
      // It ended while we looked.
      return false
    }
  })
}

function supervisorPid(lab: Lab): number {
  return Number(/"pid":(\d+)/.exec(readFileSync(join(lab.folder, 'owner.json'), 'utf8'))?.[1])
}

function namespacesOf(pid: number): Set<string> {
  return new Set([readlinkSync(`/proc/${pid}/ns/pid`)])
}

test('down leaves no process and no file', async () => {
  const lab = await startLab({ name: `down-${process.pid}`, nodes: 2, medium: 'kernel', nics: 'virtio-net-pci,e1000@1' })
  const namespaces = namespacesOf(supervisorPid(lab))
  // Supervisor, two machines, two DHCP servers, and the unshare that waits for them.
  expect(processesOf(lab.folder, namespaces).length).toBeGreaterThanOrEqual(6)
  await lab.down()
  expect(processesOf(lab.folder, namespaces)).toEqual([])
  expect(existsSync(lab.folder)).toBe(false)
})

test('a supervisor that is killed takes everything along, and the next call sweeps its folder', async () => {
  const lab = await startLab({ name: `crash-${process.pid}`, nodes: 2, medium: 'kernel', dhcp: 'dnsmasq' })
  const pid = supervisorPid(lab)
  const namespaces = namespacesOf(pid)
  const owner = labOwner(lab.folder)
  process.kill(pid, 'SIGKILL')
  await owner?.ended()
  expect(processesOf(lab.folder, namespaces)).toEqual([])
  expect(listLabs()).not.toContain(lab.name)
  expect(existsSync(lab.folder)).toBe(false)
  await expect(openLab(lab.name)).rejects.toMatchObject({ code: 'NO_LAB' })
})

test.each(['SIGINT', 'SIGKILL'] as const)('lab up that gets %s while it waits leaves nothing', async (signal) => {
  const name = `ended-${process.pid}`
  const up = spawn(join(PROJECT_FOLDER, 'plump'), ['lab', 'up', '--lab', name, '--medium', 'kernel'], { stdio: 'ignore' })
  const exited = once(up, 'exit')
  await until('the lab runs', 60, async () => openLab(name).then(() => true, () => false))
  const lab = await openLab(name)
  const namespaces = namespacesOf(supervisorPid(lab))
  const owner = labOwner(lab.folder)
  await until('the call holds the lab', 60, async () => (await lab.status()).held)
  up.kill(signal)
  expect(await exited).toEqual(signal === 'SIGINT' ? [130, null] : [null, 'SIGKILL'])
  await owner?.ended()
  expect(processesOf(lab.folder, namespaces)).toEqual([])
  expect(listLabs()).not.toContain(name)
})
