/** Every program and file Plump needs of the machine. Names of packages are the same in Debian 12, 13 and Ubuntu 24.04. */

export const NEEDS = ['build', 'test', 'lab', 'flash', 'serve'] as const
export type Need = (typeof NEEDS)[number]

export interface HostTool {
  /** What a user would call it. */
  name: string
  /** One of these must exist: a program on PATH (a name without slash) or a file. */
  anyOf: readonly string[]
  /** The package that brings it. */
  package: string
  why: string
  neededBy: readonly Need[]
}

const BUILD: readonly Need[] = ['build', 'test']
const LAB: readonly Need[] = ['test', 'lab']
const FLASH: readonly Need[] = ['test', 'flash']

export const HOST_TOOLS: readonly HostTool[] = [
  { name: 'apt-get', anyOf: ['apt-get'], package: 'apt', why: 'resolves the packages of the image', neededBy: BUILD },
  { name: 'dpkg-deb', anyOf: ['dpkg-deb'], package: 'dpkg', why: 'unpacks packages', neededBy: BUILD },
  { name: 'Debian keyring', anyOf: ['/usr/share/keyrings/debian-archive-keyring.gpg'], package: 'debian-archive-keyring', why: 'tells Debian\'s packages from forged ones', neededBy: BUILD },
  { name: 'mksquashfs', anyOf: ['mksquashfs'], package: 'squashfs-tools', why: 'writes the node\'s root', neededBy: BUILD },
  { name: 'xorriso', anyOf: ['xorriso'], package: 'xorriso', why: 'writes the ISO, and takes it apart for serving', neededBy: [...BUILD, 'serve'] },
  { name: 'mtools', anyOf: ['mcopy'], package: 'mtools', why: 'writes the UEFI boot partition', neededBy: BUILD },
  { name: 'depmod, modinfo', anyOf: ['depmod', '/sbin/depmod', '/usr/sbin/depmod'], package: 'kmod', why: 'finds what kernel modules need', neededBy: BUILD },
  { name: 'cpio', anyOf: ['cpio'], package: 'cpio', why: 'reads back the initramfs', neededBy: ['test'] },
  { name: 'xz', anyOf: ['xz'], package: 'xz-utils', why: 'packs firmware and unpacks kernel modules', neededBy: [...BUILD, 'serve'] },
  { name: 'strip', anyOf: ['strip'], package: 'binutils', why: 'makes Node a fifth smaller', neededBy: BUILD },
  { name: 'grub-mkimage', anyOf: ['grub-mkimage'], package: 'grub-common', why: 'makes the BIOS boot loader', neededBy: BUILD },
  { name: 'GRUB for BIOS', anyOf: ['/usr/lib/grub/i386-pc/boot_hybrid.img'], package: 'grub-pc-bin', why: 'is the BIOS boot loader', neededBy: BUILD },
  { name: 'QEMU', anyOf: ['qemu-system-x86_64'], package: 'qemu-system-x86', why: 'is the PCs of the lab', neededBy: LAB },
  { name: 'OVMF', anyOf: ['/usr/share/OVMF/OVMF_CODE_4M.ms.fd', '/usr/share/OVMF/OVMF_CODE_4M.secboot.fd'], package: 'ovmf', why: 'is the UEFI of the lab', neededBy: LAB },
  { name: 'dnsmasq', anyOf: ['dnsmasq', '/usr/sbin/dnsmasq'], package: 'dnsmasq-base', why: 'answers PCs that start over the network, and is the second DHCP server of the lab', neededBy: [...LAB, 'serve'] },
  { name: 'ip', anyOf: ['ip', '/sbin/ip', '/usr/sbin/ip'], package: 'iproute2', why: 'makes the lab\'s network', neededBy: [...LAB, 'serve'] },
  { name: 'unshare', anyOf: ['unshare'], package: 'util-linux', why: 'keeps the lab\'s network apart from yours', neededBy: LAB },
  { name: 'lsblk, blockdev', anyOf: ['lsblk'], package: 'util-linux', why: 'tells sticks from the disks of this machine', neededBy: FLASH },
  { name: 'sfdisk', anyOf: ['sfdisk'], package: 'fdisk', why: 'adds the partition PLUMPDATA', neededBy: FLASH },
  { name: 'mkfs.ext4', anyOf: ['mkfs.ext4'], package: 'e2fsprogs', why: 'makes the file system of PLUMPDATA', neededBy: FLASH },
  { name: 'ssh-keygen', anyOf: ['ssh-keygen'], package: 'openssh-client', why: 'signs ISOs and checks their signatures', neededBy: ['test'] },
  { name: 'faketime', anyOf: ['faketime'], package: 'faketime', why: 'shows that a build does not depend on the clock', neededBy: ['test'] },
]
