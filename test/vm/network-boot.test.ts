import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Lab } from '../../builder/lab/lab.ts'
import { until } from './support/until.ts'
import { members, withLab } from './support/with-lab.ts'

const LIMIT = { limitSeconds: 420 }

test('over the network, beside a DHCP server: BIOS in 256 MB and Secure Boot both get all they need from ./plump serve, and join', async () => {
  await withLab({ nodes: 1, medium: 'network', firmware: 'bios', memoryMiB: 256, dhcp: 'dnsmasq' }, async (lab) => {
    const bios = lab.node(1)
    await bios.waitForStage('ready', LIMIT)
    const secure = await lab.add({ medium: 'network', firmware: 'secureboot' })
    await secure.waitForStage('joined', LIMIT)
    await bios.waitForStage('joined', LIMIT)
    expect(await members(bios)).toHaveLength(2)
    const { stdout } = await secure.exec('dmesg | grep -i "secure boot"')
    expect(stdout).toMatch(/Kernel is locked down from EFI Secure Boot/)
    expect((await bios.exec('dmesg | grep -c "Initramfs unpacking failed"; ls /sys/block')).stdout).not.toMatch(/^[1-9]|sr0|sda|vda/)
    const events = await bootEvents(lab)
    for (const firmware of ['BIOS', 'UEFI']) expect(events).toContainEqual(expect.objectContaining({ event: 'asks', firmware }))
    const booted = events.filter(({ event }) => event === 'booted').map(({ mac, kernel }) => [mac, kernel])
    expect(booted).toEqual([['52:54:00:50:01:00', 'debian'], ['52:54:00:50:02:00', 'debian']])
  })
})

test('over a network without any DHCP server, ./plump serve is one: BIOS by PXE, UEFI by HTTP', async () => {
  await withLab({ nodes: 1, medium: 'network', firmware: 'bios', dhcp: 'none' }, async (lab) => {
    const byHttp = await lab.add({ medium: 'network', firmware: 'uefi-http' })
    for (const node of [lab.node(1), byHttp]) {
      const ready = await node.waitForStage('ready', LIMIT)
      expect(ready.fields['addr']).toMatch(/^192\.168\.10\.(1[3-9]\d|12[89]|2\d\d)$/)
    }
    const events = await bootEvents(lab)
    expect(events).toContainEqual(expect.objectContaining({ event: 'asks', firmware: 'UEFI HTTP', mac: '52:54:00:50:02:00' }))
    expect(events).toContainEqual(expect.objectContaining({ event: 'booted', kernel: 'debian', mac: '52:54:00:50:02:00' }))
  })
})

test('from a node: plump serve there lets another PC boot off its medium, with the firewall open as long as it runs', async () => {
  await withLab({ nodes: 1, medium: 'kernel', dhcp: 'dnsmasq' }, async (lab) => {
    const server = lab.node(1)
    await server.waitForStage('ready')
    const opened = async (): Promise<string[]> => {
      const { stdout } = await server.exec('nft list set inet plump served_udp; nft list set inet plump served_tcp')
      return [...stdout.matchAll(/"(\w+)" \. (\d+)/g)].map((match) => `${match[1]} ${match[2]}`)
    }
    expect(await opened()).toEqual([])
    await server.exec('plump serve --json >/tmp/serve.log 2>/tmp/serve.err & echo $! >/tmp/serve.pid')
    const served = async (): Promise<Record<string, unknown>[]> => (
      (await server.exec('cat /tmp/serve.log')).stdout.trim().split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>)
    )
    await until('node 1 serves', 120, async () => (await served()).some(({ event }) => event === 'serving'))
    expect((await opened()).toSorted()).toEqual(['eth0 4011', 'eth0 4680', 'eth0 67', 'eth0 69'])
    expect((await server.exec('cat /tmp/serve.err')).stdout).toMatch(/carries secrets/)

    const booted = await lab.add({ medium: 'pxe' })
    await booted.waitForStage('joined', LIMIT)
    expect(await members(server)).toHaveLength(2)
    expect(await served()).toContainEqual(expect.objectContaining({ event: 'booted', kernel: 'debian', mac: '52:54:00:50:02:00' }))
    const refused = await booted.exec('plump serve')
    expect(refused.stderr).toMatch(/NO_MEDIUM[^]*plump serve \/dev/)

    await server.exec('kill -INT $(cat /tmp/serve.pid)')
    await until('it has ended', 60, async () => (await server.exec('kill -0 $(cat /tmp/serve.pid)')).exitCode !== 0)
    expect(await opened()).toEqual([])
    expect((await server.exec('ls -d /run/plump/serve-*; pidof dnsmasq')).stdout).toBe('')
  })
})

/** What the lab's own ./plump serve told. */
async function bootEvents(lab: Lab): Promise<Record<string, unknown>[]> {
  return (await readFile(join(lab.folder, 'boot-0-events.log'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
}
