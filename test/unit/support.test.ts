import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chooseStick } from '../../agent/cli/support.ts'
import { valuesOf } from '../../agent/support/archive.ts'
import { hardwareList } from '../../agent/support/hardware.ts'
import { redact, REMOVED } from '../../agent/support/redact.ts'
import { scratchFolder } from './api-helpers.ts'

const key = 'q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k='

describe('what is not for others', () => {
  test.each([
    ['a secret that is known, wherever it is', 'serf said hunter2-secret twice: hunter2-secret', `serf said ${REMOVED} twice: ${REMOVED}`],
    ['as JSON writes it', '{"note":"it\\"s-a-secret"}', `{"note":"${REMOVED}"}`],
    ['a key on the command line', 'quiet plump.key=abc console=tty0', `quiet plump.key=${REMOVED} console=tty0`],
    ['fields that say what they are', '{"encrypt_key": "abc","rpc_auth":"d","psk":"e\\"f","name":"n"}', `{"encrypt_key": ${REMOVED},"rpc_auth":${REMOVED},"psk":${REMOVED},"name":"n"}`],
    ['of wpa_supplicant', 'ssid="home"\n\tpsk="pass word"\n', `ssid="home"\n\tpsk=${REMOVED}\n`],
    ['of WireGuard', '  private key: (hidden)', `  private key: ${REMOVED.slice(0)}`],
    ['what looks like a key', `peer: ${key}\n`, `peer: ${REMOVED}\n`],
  ])('%s', (_, text, expected) => {
    expect(redact(text, ['hunter2-secret', 'it"s-a-secret'])).toBe(expected)
  })

  test('ordinary text stays as it is', () => {
    const text = '2026-11-24T05:49:18.345Z info nics: eth0 is pci:0000:00:0a.0 1af4:1000, driver virtio_net, 52:54:00:50:02:00\nsha256 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n'
    expect(redact(text, ['ab', ''])).toBe(text)
  })

  test('no secret is left, whatever is around it, also when one is part of another', () => {
    fc.assert(fc.property(fc.array(fc.string({ minLength: 6, maxLength: 40 }), { maxLength: 4 }), fc.array(fc.string()), (secrets, around) => {
      const text = around.join(secrets.join('|'))
      for (const secret of secrets) if (!REMOVED.includes(secret)) expect(redact(text, secrets).split(REMOVED).some((part) => part.includes(secret))).toBe(false)
    }))
  })

  test('secrets are found in JSON however deep', () => {
    expect(valuesOf('{"networks":[{"ssid":"a","psk":"one"},{"psk":"two"}],"psk":3}', 'psk')).toEqual(['one', 'two'])
  })
})

describe('the stick', () => {
  const stick = (device: string): { device: string; filesystem: 'vfat' } => ({ device, filesystem: 'vfat' })
  test('the only one is taken; of several one must be named; without any the fix is told', () => {
    expect(chooseStick([stick('sdb1')], undefined)).toEqual(stick('sdb1'))
    expect(chooseStick([stick('sdb1'), stick('sdc1')], 'sdc1')).toEqual(stick('sdc1'))
    expect(() => chooseStick([stick('sdb1'), stick('sdc1')], undefined)).toThrow(/several sticks: sdb1, sdc1/)
    expect(() => chooseStick([], undefined)).toThrow(/no USB stick/)
    expect(() => chooseStick([stick('sdb1')], 'sda')).toThrow(/sda is no stick that can be written to; there is sdb1/)
  })
})

test('the hardware list names PCI and USB devices with their drivers, and the disks', () => {
  const sys = scratchFolder()
  const file = (path: string, text: string): void => {
    mkdirSync(dirname(join(sys, path)), { recursive: true })
    writeFileSync(join(sys, path), `${text}\n`)
  }
  const nic = 'bus/pci/devices/0000:00:03.0'
  for (const [name, text] of Object.entries({ class: '0x020000', vendor: '0x8086', device: '0x100e', subsystem_vendor: '0x1af4', subsystem_device: '0x1100' })) file(`${nic}/${name}`, text)
  mkdirSync(join(sys, 'bus/pci/drivers/e1000'), { recursive: true })
  symlinkSync('../../drivers/e1000', join(sys, nic, 'driver'))
  for (const [name, text] of Object.entries({ idVendor: '0bda', idProduct: '8153', speed: '5000', manufacturer: 'Realtek', product: 'USB 10/100/1000 LAN' })) file(`bus/usb/devices/2-1/${name}`, text)
  for (const [name, text] of Object.entries({ 'size': '2048', 'removable': '1', 'device/model': 'Stick' })) file(`class/block/sdb/${name}`, text)
  expect(hardwareList(sys)).toBe([
    'pci 0000:00:03.0 class 0x020000 8086:100e subsystem 1af4:1100 driver e1000\n',
    'usb 2-1 0bda:8153 5000 Mbit/s Realtek USB 10/100/1000 LAN drivers none\n',
    'block sdb 1048576 bytes removable 1 Stick\n',
  ].join(''))
})
