import { expect, test } from 'vitest'
import { hasVirtualisation } from '../../builder/lab/accelerator.ts'
import { call } from '../../builder/lab/control-client.ts'
import { parseCpu, parseNics, type MachineConfig } from '../../builder/lab/options.ts'
import { shellLine } from '../../builder/lab/overview.ts'
import { nicDeviceAdd, qemuArguments, type MachineFiles, type MachineNic } from '../../builder/lab/qemu-arguments.ts'

const files: MachineFiles = { qmp: '/l/n1/qmp', exec: '/l/n1/exec', serial: '/l/n1/serial', serialLog: '/l/n1/serial-1.log' }
const config: MachineConfig = { memoryMiB: 512, cpus: 2, firmware: 'bios', medium: { kind: 'cd', iso: '/final/a,b.iso' }, nics: [] }
const nic = (model: string): MachineNic => ({ id: 'nic0', model, mac: '52:54:00:50:01:00', tap: 'n1i0' })

/** The values that follow a flag. */
function valuesOf(args: readonly string[], flag: string): string[] {
  return args.flatMap((arg, index) => (arg === flag ? [args[index + 1] ?? ''] : []))
}

test('--nic: models, networks and cards that are plugged in nowhere', () => {
  expect(parseNics()).toEqual([{ model: 'virtio-net-pci', network: 0 }])
  expect(parseNics('e1000, rtl8139@1,usb-net@none')).toEqual([
    { model: 'e1000', network: 0 }, { model: 'rtl8139', network: 1 }, { model: 'usb-net', network: null },
  ])
})

const NINE_CARDS = Array.from({ length: 9 }, () => 'e1000').join(',')

test.each(['', 'e1000@', 'e1000@x', 'e1000@16', 'e1000@1@2', 'e1000,', 'a=b', NINE_CARDS])('--nic %j is refused with a way out', (text) => {
  expect(() => parseNics(text)).toThrow(expect.objectContaining({ code: 'USAGE', exitCode: 2 }))
})

test('a CD boots first, and commas in its path are doubled', () => {
  const args = qemuArguments(config, [nic('e1000')], files, 'tcg')
  expect(valuesOf(args, '-drive')).toEqual(['if=none,id=medium,media=cdrom,readonly=on,format=raw,file=/final/a,,b.iso'])
  expect(valuesOf(args, '-device')).toContain('ide-cd,id=boot-medium,drive=medium,bus=ide.0,bootindex=0')
  expect(valuesOf(args, '-smp')).toEqual(['2'])
  expect(args).not.toContain('-mem-prealloc')
  expect(qemuArguments({ ...config, preallocated: true }, [nic('e1000')], files, 'tcg')).toContain('-mem-prealloc')
})

test('a PCI card has no boot ROM; a USB card hangs on the xHCI controller, which is there before it', () => {
  expect(valuesOf(qemuArguments(config, [nic('e1000')], files, 'tcg'), '-device')).toContain('e1000,id=nic0,netdev=nic0-wire,mac=52:54:00:50:01:00,romfile=')
  const devices = valuesOf(qemuArguments(config, [nic('usb-net')], files, 'tcg'), '-device')
  const card = devices.indexOf('usb-net,id=nic0,netdev=nic0-wire,mac=52:54:00:50:01:00,bus=xhci.0')
  expect(devices.indexOf('qemu-xhci,id=xhci')).toBeGreaterThanOrEqual(0)
  expect(card).toBeGreaterThan(devices.indexOf('qemu-xhci,id=xhci'))
  expect(nicDeviceAdd(nic('e1000e'), 'hot0')).toMatchObject({ driver: 'e1000e', bus: 'hot0' })
  expect(nicDeviceAdd(nic('usb-net'), '')).not.toHaveProperty('romfile')
})

test('the disk is a USB stick that nothing is written to', () => {
  const args = qemuArguments({ ...config, medium: { kind: 'disk', iso: '/a.iso' } }, [], files, 'tcg')
  expect(valuesOf(args, '-drive')).toEqual(['if=none,id=medium,snapshot=on,format=raw,file=/a.iso'])
  expect(valuesOf(args, '-device')).toContain('usb-storage,id=boot-medium,drive=medium,bus=stick-port.0,removable=on,bootindex=0')
})

test('a direct kernel has its command line as one argument', () => {
  const args = qemuArguments({ ...config, medium: { kind: 'kernel', kernel: '/k', initrd: '/i', append: 'console=ttyS0 plump.image=1' } }, [], files, 'tcg')
  expect(valuesOf(args, '-append')).toEqual(['console=ttyS0 plump.image=1'])
  expect(valuesOf(args, '-drive')).toEqual([])
})

test('Secure Boot: SMM, and flash that only the firmware may write', () => {
  const flash = { code: '/c.fd', variables: '/l/n1/variables.fd' }
  const args = qemuArguments({ ...config, firmware: 'secureboot' }, [], { ...files, flash }, 'tcg')
  expect(valuesOf(args, '-machine')).toEqual(['q35,smm=on'])
  expect(valuesOf(args, '-global')).toEqual(['driver=cfi.pflash01,property=secure,value=on'])
  expect(valuesOf(args, '-drive').filter((drive) => drive.startsWith('if=pflash'))).toEqual([
    'if=pflash,unit=0,format=raw,readonly=on,file=/c.fd', 'if=pflash,unit=1,format=raw,file=/l/n1/variables.fd',
  ])
  expect(valuesOf(qemuArguments({ ...config, firmware: 'uefi' }, [], { ...files, flash }, 'tcg'), '-global')).toEqual([])
})

test('KVM passes the CPU through; emulation has all QEMU can emulate', () => {
  expect(valuesOf(qemuArguments(config, [], files, 'kvm'), '-cpu')).toEqual(['host'])
  expect(valuesOf(qemuArguments(config, [], files, 'tcg'), '-cpu')).toEqual(['max,-erms'])
})

test('a /dev/kvm without vmx or svm is not used: it stops at the first instruction it cannot emulate', () => {
  expect(hasVirtualisation('processor\t: 0\nflags\t\t: fpu vme sse2 hypervisor\nvmx flags\t: none\n')).toBe(false)
  expect(hasVirtualisation('flags\t\t: fpu vmx sse2\n')).toBe(true)
  expect(hasVirtualisation('flags\t\t: fpu sse2 svm\n')).toBe(true)
})

test('lab exec: one word is a shell line, several are a program and its arguments', () => {
  expect(shellLine(['ls | wc -l'])).toBe('ls | wc -l')
  expect(shellLine(['--', 'ls | wc -l'])).toBe('ls | wc -l')
  expect(shellLine(['--', 'ls', '--', '-x'])).toBe('ls -- -x')
  expect(shellLine(['echo', "it's", '$HOME', 'a-b/c'])).toBe(`echo 'it'\\''s' '$HOME' a-b/c`)
})

test('--cpu: a model of QEMU with flags, or all that this machine has; nothing else comes into the command line', () => {
  expect(valuesOf(qemuArguments(config, [], files, 'tcg'), '-cpu')).toEqual(['max,-erms'])
  expect(valuesOf(qemuArguments({ ...config, cpu: parseCpu('Westmere,+avx') }, [], files, 'kvm'), '-cpu')).toEqual(['Westmere,+avx'])
  for (const text of ['', '-max', 'max -smp 4', 'max;x']) expect(() => parseCpu(text)).toThrow(expect.objectContaining({ code: 'USAGE' }))
})

test('what a lab would not take is refused before it is sent, with a way out', async () => {
  const request = { verb: 'exec', node: 1, command: 'x'.repeat(32 * 1024 + 1), limitMs: 1000 } as const
  await expect(call('/nowhere/control', request)).rejects.toMatchObject({ code: 'USAGE', exitCode: 2, message: 'command: at most 32768 characters; send what is longer in parts', fix: './plump lab --help' })
})
