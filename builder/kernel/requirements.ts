import { canonicalName, type KernelModules } from './module-info.ts'

/** Something of the kernel that a node uses. */
export interface Requirement {
  /** The kernel's name for it in its configuration. */
  config: string
  /** The module that brings it when it is not built in; undefined for what is never a module. */
  module?: string
  /** What a node cannot do without it. */
  without: string
  /** Without it no node starts. */
  vital?: true
}

const NO_START = { vital: true } as const
const JOBS = 'jobs cannot be kept apart from the node, so none can migrate'
const CRIU = 'jobs cannot migrate (CRIU needs it)'

/** What nodes use of their kernel, in the order in which a boot comes to need it. */
export const REQUIREMENTS: readonly Requirement[] = [
  { config: 'CONFIG_BLK_DEV_INITRD', without: 'the initramfs is not read, so nothing starts', ...NO_START },
  { config: 'CONFIG_RD_ZSTD', without: 'the initramfs cannot be unpacked, so nothing starts', ...NO_START },
  { config: 'CONFIG_MODULES', without: 'no driver can be loaded, so the medium is not found', ...NO_START },
  { config: 'CONFIG_BINFMT_ELF', without: 'no program starts', ...NO_START },
  { config: 'CONFIG_BINFMT_SCRIPT', without: 'no script starts, and /init is one', ...NO_START },
  { config: 'CONFIG_DEVTMPFS', without: 'there are no device files, so the medium cannot be opened', ...NO_START },
  { config: 'CONFIG_TMPFS', without: 'there is nowhere to write', ...NO_START },
  { config: 'CONFIG_BLK_DEV_LOOP', module: 'loop', without: 'the root cannot be mounted', ...NO_START },
  { config: 'CONFIG_SQUASHFS', module: 'squashfs', without: 'the root cannot be mounted', ...NO_START },
  { config: 'CONFIG_SQUASHFS_ZSTD', without: 'the root cannot be unpacked', ...NO_START },
  { config: 'CONFIG_OVERLAY_FS', module: 'overlay', without: 'the root cannot be written to, so nothing starts', ...NO_START },
  { config: 'CONFIG_UNIX', module: 'unix', without: 'the parts of a node cannot talk to each other', ...NO_START },
  { config: 'CONFIG_INET', without: 'there is no network', ...NO_START },
  { config: 'CONFIG_PACKET', module: 'af_packet', without: 'no address comes by DHCP' },
  { config: 'CONFIG_NF_TABLES', module: 'nf_tables', without: 'the packet filter cannot be set, so a node is never ready', ...NO_START },
  { config: 'CONFIG_NF_TABLES_INET', without: 'the packet filter cannot be set, so a node is never ready', ...NO_START },
  { config: 'CONFIG_NFT_CT', module: 'nft_ct', without: 'the packet filter cannot be set, so a node is never ready', ...NO_START },
  { config: 'CONFIG_ISO9660_FS', module: 'isofs', without: 'no node starts from CD or from a stick written with the ISO' },
  { config: 'CONFIG_BLK_DEV_SR', module: 'sr_mod', without: 'no node starts from CD' },
  { config: 'CONFIG_BLK_DEV_SD', module: 'sd_mod', without: 'no node starts from a USB stick or disk' },
  { config: 'CONFIG_USB_STORAGE', module: 'usb_storage', without: 'no node starts from a USB stick' },
  { config: 'CONFIG_USB_XHCI_HCD', module: 'xhci_hcd', without: 'USB sticks and keyboards do not work on most PCs' },
  { config: 'CONFIG_USB_HID', module: 'usbhid', without: 'USB keyboards do not work' },
  { config: 'CONFIG_SATA_AHCI', module: 'ahci', without: 'no node starts from a SATA drive' },
  { config: 'CONFIG_VFAT_FS', module: 'vfat', without: 'the cluster key cannot be read from a stick, and no node starts from a FAT one' },
  { config: 'CONFIG_FW_LOADER_COMPRESS_XZ', without: 'network cards that need firmware do not work: ours is compressed with xz' },
  { config: 'CONFIG_WIREGUARD', module: 'wireguard', without: 'there is no mesh: a node sees the others and shares no work with them' },
  { config: 'CONFIG_NFS_FS', module: 'nfs', without: 'the files of other nodes (/mfs) cannot be reached' },
  { config: 'CONFIG_NFS_V4_2', without: 'the files of other nodes (/mfs) cannot be reached' },
  { config: 'CONFIG_NFSD', module: 'nfsd', without: 'other nodes cannot reach this one\'s files, so its jobs stay at home' },
  { config: 'CONFIG_NFSD_V4', without: 'other nodes cannot reach this one\'s files, so its jobs stay at home' },
  ...['CONFIG_NAMESPACES', 'CONFIG_PID_NS', 'CONFIG_IPC_NS', 'CONFIG_UTS_NS', 'CONFIG_NET_NS'].map((config) => ({ config, without: JOBS })),
  { config: 'CONFIG_CGROUPS', without: 'the share of a node that its guests take cannot be bounded' },
  { config: 'CONFIG_CHECKPOINT_RESTORE', without: CRIU },
  { config: 'CONFIG_MEM_SOFT_DIRTY', without: 'a job is stopped for the whole of its move: there is no pre-copy' },
  { config: 'CONFIG_UNIX_DIAG', module: 'unix_diag', without: CRIU },
  { config: 'CONFIG_INET_DIAG', module: 'inet_diag', without: CRIU },
  { config: 'CONFIG_INET_TCP_DIAG', module: 'tcp_diag', without: CRIU },
  { config: 'CONFIG_INET_UDP_DIAG', module: 'udp_diag', without: CRIU },
  { config: 'CONFIG_PACKET_DIAG', module: 'af_packet_diag', without: CRIU },
  { config: 'CONFIG_NETLINK_DIAG', module: 'netlink_diag', without: CRIU },
  { config: 'CONFIG_TUN', module: 'tun', without: CRIU },
  { config: 'CONFIG_BONDING', module: 'bonding', without: 'network cards cannot be bonded' },
  { config: 'CONFIG_VLAN_8021Q', module: '8021q', without: 'VLANs do not work' },
  { config: 'CONFIG_ZRAM', module: 'zram', without: 'there is no swap, so a small node runs out of memory sooner' },
  { config: 'CONFIG_VT', without: 'there is no status screen and no keyboard, only the serial port' },
  { config: 'CONFIG_SERIAL_8250_CONSOLE', without: 'nothing is shown on the serial port' },
]

/** Reads a kernel's configuration file: `CONFIG_X=y`, `=m`, or a value; what is not set is absent. */
export function parseKernelConfig(text: string): Map<string, string> {
  return new Map([...text.matchAll(/^(CONFIG_\w+)=(.*)$/gm)].map((match) => [match[1] ?? '', match[2] ?? '']))
}

/** What a kernel lacks, and what cannot be told because it came without its configuration. */
export interface Lacks {
  missing: Requirement[]
  unknown: Requirement[]
}

/**
 * Compares a kernel with what nodes use: by its configuration where there is one, with a look at whether what it says to be a module is
 * there, else by its modules and the list of those built in.
 */
export function findLacks(config: ReadonlyMap<string, string> | undefined, kernel: KernelModules): Lacks {
  const present = new Set([...kernel.modules.map(({ name }) => name), ...kernel.builtin.names])
  const has = (requirement: Requirement): boolean | undefined => {
    const inTree = requirement.module === undefined ? undefined : present.has(canonicalName(requirement.module))
    if (!config) return inTree
    const value = config.get(requirement.config)
    return value === 'y' || (value === 'm' && inTree !== false)
  }
  return {
    missing: REQUIREMENTS.filter((requirement) => has(requirement) === false),
    unknown: REQUIREMENTS.filter((requirement) => has(requirement) === undefined),
  }
}
