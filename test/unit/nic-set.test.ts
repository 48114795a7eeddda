import { describe, expect, test } from 'vitest'
import type { KernelModules } from '../../builder/kernel/module-info.ts'
import { moduleNameOf } from '../../builder/kernel/module-info.ts'
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
