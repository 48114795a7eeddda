import type { PlumpYaml } from '../../schema/plump-yaml.ts'
import { PlumpError } from '../errors.ts'
import { canonicalName, type KernelModules } from './module-info.ts'

/** Folders of the kernel tree that hold Ethernet and USB network drivers together with the PHYs they need. */
const WIRED_FOLDERS = ['ethernet', 'phy', 'mdio', 'pcs', 'usb'].map((folder) => `kernel/drivers/net/${folder}/`)

/** Wi-Fi drivers, with what mac80211 asks the kernel's cryptography for by name and not by a dependency. */
const WIFI_FOLDERS = ['kernel/drivers/net/wireless/', 'kernel/drivers/staging/rtl8723bs/']
const WIFI_CRYPTOGRAPHY = ['ccm', 'gcm', 'cmac', 'ctr', 'michael_mic']

/** Cards of virtual machines lie elsewhere in the tree. */
const VIRTUAL_MACHINE_CARDS = ['virtio_net', 'vmxnet3', 'hv_netvsc', 'xen-netfront']

/** PHYs and their buses are small, and a missing one is the commonest failure of other builders, so every set has them all. */
const PHY_FOLDERS = ['phy', 'mdio', 'pcs'].map((folder) => `kernel/drivers/net/${folder}/`)

/**
 * What desktop and small-server boards carry or have in a slot: Realtek, Intel up to 10 Gbit/s, Broadcom, Marvell/Aquantia, Atheros and the
 * older Fast Ethernet chips, USB adapters, and the cards QEMU and other virtual machines offer. Left out: 25 Gbit/s and up, and datacentre cards.
 */
const PC_CARDS = [
  'r8169', '8139too', '8139cp',
  'e100', 'e1000', 'e1000e', 'igb', 'igbvf', 'igc', 'ixgbe', 'ixgbevf',
  'tg3', 'b44', 'bnx2',
  'atlantic', 'sky2', 'skge', 'alx', 'atl1', 'atl1c', 'atl1e', 'atl2', 'jme',
  'forcedeth', 'via-rhine', 'via-velocity', 'sis900', 'sis190', 'r6040', 'sc92031',
  '3c59x', 'typhoon', 'tulip', 'de2104x', 'dmfe', 'uli526x', 'winbond-840', 'natsemi', 'ns83820', 'starfire', 'sundance', 'dl2k', 'epic100',
  'ne2k-pci', 'pcnet32', 'amd8111e', 'amd-xgbe', 'ksz884x', 'lan743x', 'smsc9420', 'et131x', 'tlan', 'dwmac-intel',
]

/** USB adapters and docking stations; modems and phones of the same folder are left out of `pc`. */
const PC_USB_ADAPTERS = [
  'r8152', 'r8153_ecm', 'rtl8150', 'asix', 'ax88179_178a', 'aqc111', 'smsc75xx', 'smsc95xx', 'lan78xx', 'cdc_ether', 'cdc_ncm', 'cdc_eem',
  'cdc_subset', 'rndis_host', 'dm9601', 'sr9700', 'sr9800', 'mcs7830', 'pegasus', 'ch9200', 'kaweth', 'catc',
]

/**
 * The names of the modules a set of network cards stands for. A list in plump.yaml is taken as it is, with all PHYs beside it; a name the kernel
 * does not know throws NIC_MODULE_UNKNOWN.
 */
export function nicModuleNames(set: PlumpYaml['nics']['set'], kernel: KernelModules): string[] {
  const phys = below(kernel, PHY_FOLDERS)
  if (set === 'wired') return [...below(kernel, WIRED_FOLDERS), ...VIRTUAL_MACHINE_CARDS]
  if (set === 'all') return [...below(kernel, [...WIRED_FOLDERS, ...WIFI_FOLDERS]), ...VIRTUAL_MACHINE_CARDS, ...WIFI_CRYPTOGRAPHY]
  if (set === 'pc') return [...phys, ...PC_CARDS, ...PC_USB_ADAPTERS, ...VIRTUAL_MACHINE_CARDS]
  const known = new Set([...kernel.modules.map((module) => module.name), ...kernel.builtin.names])
  const unknown = set.filter((name) => !known.has(canonicalName(name)))
  if (unknown.length > 0) {
    throw new PlumpError('NIC_MODULE_UNKNOWN', `nics.set names ${unknown.join(', ')}, which the kernel has no module for`, {
      fix: 'write module names such as r8169 or e1000e (lspci -k shows them), or use pc, wired or all',
    })
  }
  return [...phys, ...set]
}

function below(kernel: KernelModules, folders: readonly string[]): string[] {
  return kernel.modules.filter((module) => folders.some((folder) => module.path.startsWith(folder))).map((module) => module.name)
}
