/** What of Debian the node's root is made of. apt adds what these depend on, except {@link NOT_NEEDED}. */
export const ROOT_PACKAGES: readonly { name: string; why: string }[] = [
  { name: 'busybox-static', why: 'init, udhcpc, mount and all the small tools' },
  { name: 'dash', why: '/bin/sh: unlike busybox\'s it runs the real program where there is one' },
  { name: 'libc6', why: 'the C library of everything that is not static' },
  { name: 'libstdc++6', why: 'node is linked against it' },
  { name: 'libgcc-s1', why: 'node is linked against it' },
  { name: 'serf', why: 'membership and failure detection' },
  { name: 'nftables', why: 'drops what is not for a node' },
  { name: 'dropbear-bin', why: 'ssh, when ssh.authorizedKeys is set' },
  { name: 'openntpd', why: 'sets the clock; Debian\'s busybox has no ntpd' },
  { name: 'util-linux', why: 'setpriv, which starts a job as its user with all groups, and flock; the rest is left out (unpack-filter.ts)' },
  { name: 'bsdutils', why: 'script, which holds the pseudo-terminal of a job; the rest is left out (unpack-filter.ts)' },
  { name: 'wireguard-tools', why: 'wg, which sets the keys of the mesh' },
  { name: 'criu', why: 'dumps the processes of a job and restores them on another node' },
  { name: 'tar', why: 'criu packs tmpfs mounts of a job with it; busybox\'s lacks the options it asks for' },
]

/** What is taken for the root alone: of what these depend on, the programs that stay (unpack-filter.ts) need nothing that is not there anyway. */
export const ROOT_PACKAGES_ALONE: readonly { name: string; why: string }[] = [
  { name: 'coreutils', why: 'sleep, which sleeps on when its job has moved; busybox\'s ends early' },
]

/** What nics.set: all adds; other images do not grow by it. */
export const WIFI_PACKAGES: readonly { name: string; why: string }[] = [
  { name: 'wpasupplicant', why: 'joins the Wi-Fi networks of network.wifi' },
  { name: 'iw', why: 'tells about Wi-Fi cards and what they hear' },
]

/**
 * Of {@link NOT_NEEDED}, what is needed as soon as the user has packages of their own: they may depend on it for running, while nothing that a
 * node itself is made of does.
 */
export const NEEDED_BY_CHOSEN: readonly string[] = ['perl-base', 'libpam-modules', 'libpam-runtime', 'libpam0g', 'libsystemd0', 'libudev1']

/**
 * Packages that the ones above depend on only for installing, for maintainer scripts or for what a node never does.
 * The private apt takes them for installed, so neither they nor what only they depend on is fetched.
 */
export const NOT_NEEDED: readonly { name: string; why: string }[] = [
  { name: 'adduser', why: 'a maintainer script\'s tool; the users of a node are in rootfs-overlay/etc/passwd' },
  { name: 'base-passwd', why: 'makes /etc/passwd, which rootfs-overlay has' },
  { name: 'debconf', why: 'asks questions while installing' },
  { name: 'debianutils', why: 'maintainer scripts\' tools' },
  { name: 'dpkg', why: 'nothing is installed on a node' },
  { name: 'libpam-modules', why: 'for logins by util-linux' },
  { name: 'libpam-runtime', why: 'for logins by util-linux' },
  { name: 'libpam0g', why: 'for logins by util-linux; of util-linux a node has setpriv and flock alone' },
  { name: 'libsystemd0', why: 'for logger of bsdutils; of it a node has script alone' },
  { name: 'libudev1', why: 'for lsblk of util-linux' },
  { name: 'init-system-helpers', why: 'systemd and sysvinit glue of maintainer scripts' },
  { name: 'lsb-base', why: 'functions for init scripts' },
  { name: 'netbase', why: 'makes /etc/services and /etc/protocols, which rootfs-overlay has' },
  { name: 'perl-base', why: 'runs debconf' },
]

/**
 * The boot loaders: those that PCs with Secure Boot accept, and the one that BIOS PCs get over the network. Taken alone; their dependencies are
 * for installing them on a disk.
 */
export const BOOT_PACKAGES: readonly string[] = ['shim-signed', 'grub-efi-amd64-signed', 'ipxe']

/**
 * dnsmasq and the libraries it needs beyond those of any node, for a node that serves its medium to others. Taken alone and packed beside the boot
 * loaders: they are in no root and cost no memory.
 */
export const BOOT_SERVER_PACKAGES: readonly string[] = [
  'dnsmasq-base', 'libcap2', 'libdbus-1-3', 'libgmp10', 'libhogweed6t64', 'libidn2-0', 'libnetfilter-conntrack3', 'libnettle8t64', 'libnfnetlink0', 'libsystemd0', 'libunistring5',
]

/** Of {@link NOT_NEEDED}, what dnsmasq needs by way of libdbus. */
export const NEEDED_BY_BOOT_SERVER: readonly string[] = ['libsystemd0']

/** Depends on the real kernel package, whose name has its version. */
export const KERNEL_METAPACKAGE = 'linux-image-amd64'
