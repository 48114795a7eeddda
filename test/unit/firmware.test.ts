import { describe, expect, test } from 'vitest'
import { FIRMWARE_PACKAGES } from '../../builder/debian/firmware-packages.ts'
import { selectFirmware, type FirmwareStock } from '../../builder/kernel/firmware.ts'

const stock: FirmwareStock = {
  files: new Map([
    ['rtl_nic/rtl8168d-1.fw', ''], ['rtl_nic/rtl8168h-2.fw', '.zst'], ['cxgb4/t5fw-1.27.5.0.bin', ''], ['intel/ice/ddp/ice-1.3.41.0.pkg', ''],
    ['netronome/nic/nic_A.nffw', ''], ['netronome/nic/nic_B.nffw', ''], ['bnx2x/bnx2x-e1-7.13.15.0.fw', ''], ['bnx2x/bnx2x-e1-7.13.21.0.fw', ''],
    ['unwanted.bin', ''],
  ]),
  links: new Map([
    ['cxgb4/t5fw.bin', 't5fw-1.27.5.0.bin'], ['intel/ice/ddp/ice.pkg', 'ice-1.3.41.0.pkg'], ['netronome/nic_A.nffw', 'nic/nic_A.nffw'],
    ['netronome/again.nffw', 'nic_A.nffw'], ['old', 'rtl_nic'], ['loop-a', 'loop-b'], ['loop-b', 'loop-a'], ['dangling', 'nowhere'],
  ]),
}

const select = (name: string, ...firmware: string[]) => selectFirmware([{ name, firmware }], stock)

describe('the firmware of the chosen modules', () => {
  test('is what they name, by name or glob, compressed or not', () => {
    expect(select('r8169', 'rtl_nic/rtl8168d-1.fw', 'rtl_nic/rtl8168?-2.fw').files).toEqual(['rtl_nic/rtl8168d-1.fw', 'rtl_nic/rtl8168h-2.fw'])
  })

  test('comes with every link on the way to it', () => {
    expect(select('nfp', 'netronome/again.nffw')).toEqual({
      files: ['netronome/nic/nic_A.nffw'],
      links: [
        { path: 'netronome/again.nffw', target: 'nic_A.nffw', kind: 'file' },
        { path: 'netronome/nic_A.nffw', target: 'nic/nic_A.nffw', kind: 'file' },
      ],
      missing: [],
    })
  })

  test('is found through a link to a folder', () => {
    expect(select('r8169', 'old/rtl8168d-1.fw')).toEqual({
      files: ['rtl_nic/rtl8168d-1.fw'], links: [{ path: 'old', target: 'rtl_nic', kind: 'folder' }], missing: [],
    })
  })

  test('that no package has is listed by module, as are links that lead nowhere', () => {
    expect(select('acenic', 'acenic/tg1.bin', 'dangling', 'loop-a', 'none/*.bin').missing)
      .toEqual([{ module: 'acenic', firmware: ['acenic/tg1.bin', 'dangling', 'loop-a', 'none/*.bin'] }])
  })

  test('includes what a driver requests without telling modinfo', () => {
    expect(select('ice').files).toEqual(['intel/ice/ddp/ice-1.3.41.0.pkg'])
  })

  test('leaves out the fall-back of a file that is there', () => {
    expect(select('bnx2x', 'bnx2x/bnx2x-e1-7.13.21.0.fw', 'bnx2x/bnx2x-e1-7.13.15.0.fw')).toMatchObject({ files: ['bnx2x/bnx2x-e1-7.13.21.0.fw'], missing: [] })
  })
})

test('firmware packages are named once each', () => {
  const names = FIRMWARE_PACKAGES.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
})
