import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
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
    const events = (await readFile(join(lab.folder, 'boot-0-events.log'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
    for (const firmware of ['BIOS', 'UEFI']) expect(events).toContainEqual(expect.objectContaining({ event: 'asks', firmware }))
    const booted = events.filter(({ event }) => event === 'booted').map(({ mac, kernel }) => [mac, kernel])
    expect(booted).toEqual([['52:54:00:50:01:00', 'debian'], ['52:54:00:50:02:00', 'debian']])
  })
})

test('over a network without any DHCP server, ./plump serve is one', async () => {
  await withLab({ nodes: 1, medium: 'network', firmware: 'bios', dhcp: 'none' }, async (lab) => {
    const ready = await lab.node(1).waitForStage('ready', LIMIT)
    expect(ready.fields['addr']).toMatch(/^192\.168\.10\.(1[3-9]\d|12[89]|2\d\d)$/)
  })
})
