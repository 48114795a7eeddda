import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { NodeOptions } from '../../builder/lab/options.ts'
import { PROJECT_FOLDER } from '../../builder/version.ts'
import { withLab } from './support/with-lab.ts'

const NETBOOT = join(PROJECT_FOLDER, 'final', 'netboot')

/** One ISO, six ways: each firmware from CD and from a USB disk, and the kernel directly. */
const WAYS: { name: string; options: NodeOptions }[] = [
  { name: 'BIOS from CD', options: { firmware: 'bios', medium: 'cd' } },
  { name: 'BIOS from a USB disk', options: { firmware: 'bios', medium: 'disk' } },
  { name: 'UEFI from CD', options: { firmware: 'uefi', medium: 'cd' } },
  { name: 'UEFI from a USB disk', options: { firmware: 'uefi', medium: 'disk' } },
  { name: 'the kernel directly', options: { medium: 'kernel' } },
]

for (const { name, options } of WAYS) {
  test(`boots: ${name}`, async () => {
    await withLab({ nodes: 1, ...options }, async (lab) => {
      const ready = await lab.node(1).waitForStage('ready')
      expect(ready.fields['addr']).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
      const stages = (await lab.node(1).stages()).map((line) => line.stage)
      expect(stages.slice(0, 2)).toEqual(['initramfs', 'root'])
      const { stdout } = await lab.node(1).exec('test -d /sys/firmware/efi && echo uefi || echo bios')
      expect(stdout.trim()).toBe(options.firmware === 'uefi' ? 'uefi' : 'bios')
    })
  })
}

test('boots: Secure Boot with Microsoft keys, from CD, and the kernel says that it is on', async () => {
  await withLab({ nodes: 1, firmware: 'secureboot', medium: 'cd' }, async (lab) => {
    await lab.node(1).waitForStage('ready')
    const { stdout } = await lab.node(1).exec('dmesg | grep -i "secure boot"')
    expect(stdout).toMatch(/secureboot: Secure boot enabled/)
    expect(stdout).toMatch(/Kernel is locked down from EFI Secure Boot/)
  })
})

test('boots: everything inside the initrd, with no medium at all', async () => {
  const kernelFiles = { kernel: join(NETBOOT, 'bzImage'), initrd: join(NETBOOT, 'initrd') }
  await withLab({ nodes: 1, medium: 'kernel', kernelFiles }, async (lab) => {
    await lab.node(1).waitForStage('ready')
    const { stdout } = await lab.node(1).exec('ls /sys/block')
    expect(stdout).not.toMatch(/sr0|sda|vda/)
  })
})
