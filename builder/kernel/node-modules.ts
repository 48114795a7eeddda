/** Module names and aliases every node gets besides those of its network cards, by what they are for. */
export const NODE_MODULES: Readonly<Record<string, readonly string[]>> = {
  // The same as the initramfs has, so that a disk plugged in later works, and more controllers.
  'disks and media': [
    'sd_mod', 'sr_mod', 'loop', 'isofs', 'vfat', 'ext4', 'nls_cp437', 'nls_iso8859-1', 'nls_ascii', 'nls_utf8', 'squashfs', 'overlay',
    'usb-storage', 'uas', 'ahci', 'ata_piix', 'ata_generic', 'nvme', 'virtio_blk', 'virtio_scsi', 'hv_storvsc', 'vmw_pvscsi', 'xen-blkfront',
    'mmc_block', 'sdhci-pci', 'sdhci-acpi',
  ],
  'USB and keyboards': [
    'xhci-pci', 'ehci-pci', 'uhci-hcd', 'ohci-pci', 'usbhid', 'hid-generic', 'hid-logitech-dj', 'hid-apple', 'hid-microsoft', 'hid-cherry',
    'hyperv-keyboard',
  ],
  'virtual machines': ['virtio_pci', 'virtio_mmio', 'virtio_balloon', 'virtio-rng', 'hv_vmbus', 'hv_utils', 'hv_balloon'],
  'links between cards': ['bonding', '8021q', 'veth', 'tun', 'dummy', 'af_packet'],
  'mesh': ['wireguard'],
  'packet filter': [
    'nf_tables', 'nft_ct', 'nft_limit', 'nft_log', 'nft_reject_inet', 'nft_masq', 'nft_nat', 'nft_chain_nat', 'nft_redir', 'nft_fib_inet', 'nft_hash',
    'nf_conntrack', 'nf_conntrack_netlink', 'nf_log_syslog',
  ],
  'migration (CRIU)': ['inet_diag', 'tcp_diag', 'udp_diag', 'raw_diag', 'unix_diag', 'netlink_diag', 'af_packet_diag'],
  'NFS between nodes': ['nfs', 'nfsv4', 'nfsd'],
  '/hpc': ['9p', '9pnet_fd'],
  'memory': ['zram'],
  'power button': ['button', 'evdev'],
  'sensors and clocks': ['coretemp', 'k10temp', 'rtc-cmos'],
}

/** What the initramfs needs to reach any medium the ISO may lie on: every alias of a storage or USB controller, and the file systems. */
export const INITRAMFS_MODULES = [
  'sd_mod', 'sr_mod', 'loop', 'isofs', 'vfat', 'nls_cp437', 'nls_ascii', 'nls_iso8859-1', 'nls_utf8', 'squashfs', 'overlay',
  'usb-storage', 'uas', 'xhci-pci', 'ehci-pci', 'uhci-hcd', 'ohci-pci',
  'ahci', 'ata_piix', 'ata_generic', 'pata_amd', 'pata_atiixp', 'pata_jmicron', 'pata_marvell', 'pata_sis', 'pata_via', 'pata_ali',
  'sata_nv', 'sata_sil', 'sata_sil24', 'sata_sis', 'sata_uli', 'sata_via', 'sata_mv', 'sata_promise',
  'nvme', 'virtio_pci', 'virtio_blk', 'virtio_scsi', 'hv_storvsc', 'vmw_pvscsi', 'xen-blkfront', 'mptspi', 'mmc_block', 'sdhci-pci', 'sdhci-acpi',
  'usbhid', 'hid-generic', 'hyperv-keyboard',
]
