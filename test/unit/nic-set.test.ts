import { describe, expect, test } from 'vitest'
import type { KernelModules } from '../../builder/kernel/module-info.ts'
import { moduleNameOf } from '../../builder/kernel/module-info.ts'
import { nicFamilies, withoutSmall } from '../../builder/kernel/nic-families.ts'
import { nicModuleNames } from '../../builder/kernel/nic-sets.ts'

const PATHS = [
  'kernel/drivers/net/ethernet/realtek/r8169.ko.xz', 'kernel/drivers/net/ethernet/mellanox/mlx5/core/mlx5_core.ko.xz', 'kernel/drivers/net/phy/realtek.ko.xz',
  'kernel/drivers/net/mdio/fwnode_mdio.ko.xz', 'kernel/drivers/net/pcs/pcs_xpcs.ko.xz', 'kernel/drivers/net/usb/r8152.ko.xz', 'kernel/drivers/net/usb/hso.ko.xz',
  'kernel/drivers/net/virtio_net.ko.xz', 'kernel/drivers/net/wireless/ath/ath9k/ath9k.ko.xz', 'kernel/drivers/net/ethernet/8390/ne2k-pci.ko.xz',
]

const kernel: KernelModules = {
  modules: PATHS.map((path) => ({ name: moduleNameOf(path), path, depends: [], softdepPre: [], softdepPost: [], weakdep: [], firmware: [], aliases: [], signed: true })),
  builtin: { names: ['e1000e'], aliases: [], firmware: [] },
}

describe('sets of network cards', () => {
  test('wired has every Ethernet and USB driver, their PHYs and virtual cards, and no Wi-Fi', () => {
    const names = nicModuleNames('wired', kernel)
    expect(names).toEqual(expect.arrayContaining(['r8169', 'mlx5_core', 'realtek', 'fwnode_mdio', 'pcs_xpcs', 'r8152', 'hso', 'virtio_net', 'ne2k_pci']))
    expect(names).not.toContain('ath9k')
  })

  test('pc leaves out datacentre cards and modems, but no PHY', () => {
    const names = nicModuleNames('pc', kernel)
    expect(names).toEqual(expect.arrayContaining(['r8169', 'realtek', 'r8152', 'virtio_net', 'ne2k-pci']))
    expect(names).not.toContain('mlx5_core')
    expect(names).not.toContain('hso')
  })

  test('a list is taken as it is, with the PHYs', () => {
    expect(nicModuleNames(['ne2k_pci', 'e1000e'], kernel).toSorted()).toEqual(['e1000e', 'fwnode_mdio', 'ne2k_pci', 'pcs_xpcs', 'realtek'])
  })

  test('a name the kernel does not know is refused', () => {
    expect(() => nicModuleNames(['r8169', 'r8269'], kernel)).toThrow(/r8269/)
  })
})

test('cards are summed up by family, and firmware that two ask for counts once', () => {
  const modules = [
    { name: 'r8169', path: 'kernel/drivers/net/ethernet/realtek/r8169.ko.xz', bytes: 10 }, { name: 'r8152', path: 'kernel/drivers/net/usb/r8152.ko.xz', bytes: 5 },
    { name: 'realtek', path: 'kernel/drivers/net/phy/realtek.ko.xz', bytes: 2 }, { name: 'tun', path: 'kernel/drivers/net/tun.ko.xz', bytes: 1 },
    { name: 'ath9k', path: 'kernel/drivers/net/wireless/ath/ath9k/ath9k.ko.xz', bytes: 3 }, { name: 'loop', path: 'kernel/drivers/block/loop.ko.xz', bytes: 9 },
  ]
  expect(nicFamilies(modules, { r8169: ['a', 'b'], r8152: ['b'], ath9k: ['c'] }, { a: 100, b: 20, c: 4 })).toEqual([
    { family: 'Ethernet: realtek', modules: ['r8169'], moduleBytes: 10, firmwareBytes: 120 },
    { family: 'Wi-Fi: ath', modules: ['ath9k'], moduleBytes: 3, firmwareBytes: 4 },
    { family: 'USB', modules: ['r8152'], moduleBytes: 5, firmwareBytes: 0 },
    { family: 'PHYs', modules: ['realtek'], moduleBytes: 2, firmwareBytes: 0 },
    { family: 'virtual and other', modules: ['tun'], moduleBytes: 1, firmwareBytes: 0 },
  ])
})

test('small families are told of together', () => {
  const family = (name: string, bytes: number) => ({ family: name, modules: [name], moduleBytes: bytes, firmwareBytes: 1 })
  expect(withoutSmall([family('a', 100), family('b', 2), family('c', 1)], 10)).toEqual([family('a', 100), { family: '2 smaller families', modules: ['b', 'c'], moduleBytes: 3, firmwareBytes: 2 }])
  expect(withoutSmall([family('a', 100), family('b', 2)], 10)).toHaveLength(2)
})
