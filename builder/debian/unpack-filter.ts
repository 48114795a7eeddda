/** What of an unpacked package does not go into the node's root. Paths are relative to the root, as in `usr/share/man/man1/x.1.gz`. */

const LEFT_OUT: readonly { path: RegExp; why: string }[] = [
  { path: /^usr\/share\/(doc|man|info|doc-base|lintian|bug|reportbug)\//, why: 'nobody reads it on a node; licences are in the SBOM' },
  { path: /^usr\/share\/(locale|i18n)\//, why: 'nodes speak C.UTF-8, which is in the C library' },
  { path: /^usr\/share\/(bash-completion|zsh|fish|vim|applications|icons|pixmaps|menu)\//, why: 'for desktops and other shells' },
  { path: /^usr\/share\/(debconf|debianutils|dpkg|initramfs-tools|gcc|gdb|libc-bin|common-licenses)\//, why: 'for installing and debugging' },
  { path: /^usr\/lib\/[^/]+\/gconv\//, why: 'Node brings its own character sets' },
  { path: /^usr\/lib\/[^/]+\/audit\//, why: 'for debugging the dynamic linker' },
  { path: /^usr\/lib\/(systemd|sysusers\.d|tmpfiles\.d|udev|modules-load\.d|init|locale|apt|dpkg)\//, why: 'other init systems and package managers' },
  { path: /^etc\/(init\.d|default|cron\.[a-z]+|logrotate\.d|apparmor\.d|ufw|bash_completion\.d|dpkg|apt|initramfs|systemd|serf|openntpd|network)\//, why: 'other init systems and package managers' },
  { path: /^usr\/share\/(initramfs|apport|nftables|wireguard-tools|busybox)/, why: 'examples and hooks' },
  { path: /^usr\/lib\/[^/]+\/lib(BrokenLocale|anl|c_malloc_debug|memusage|mvec|nsl|nss_compat|nss_hesiod|pcprofile)[.-]/, why: 'nothing on a node asks for them' },
  { path: /^usr\/lib\/[^/]+\/lib(rt|thread_db|tic|util)[.-]/, why: 'nothing on a node asks for them' },
  { path: /^usr\/lib\/dropbear(\/|$)/, why: 'for other init systems' },
  { path: /^etc\/(nftables\.conf|ld\.so\.conf\.d\/.*)$/, why: 'the agent makes the rules of nftables; libraries lie where the linker looks by itself' },
  { path: /^usr\/bin\/wg-quick$/, why: 'needs bash; the agent sets the mesh up itself' },
  { path: /^usr\/bin\/(dropbearconvert|catchsegv|getconf|getent|iconv|ldd|locale|localedef|pldd|tzselect|zdump)$/, why: 'no use on a node' },
  { path: /^usr\/sbin\/(iconvconfig|zic|ldconfig|ldconfig\.real)$/, why: 'every library lies in a default folder' },
  { path: /^var\/lib\/(dpkg|apt)\//, why: 'package managers' },
]

/** Packages of many programs of which a node needs these only; for the others busybox has its own. */
const KEPT_ALONE: Readonly<Record<string, readonly string[]>> = {
  'util-linux': ['usr/bin/setpriv', 'usr/bin/flock'],
  'bsdutils': ['usr/bin/script'],
  'coreutils': ['usr/bin/sleep'],
  // util-linux insists on them in its own version; only programs that are left out use them.
  'liblastlog2-2': [],
  'libsmartcols1': [],
}

/** Why a path of a package is left out of the root, undefined for one that stays. */
export function whyLeftOut(path: string, packageName?: string): string | undefined {
  const kept = packageName === undefined ? undefined : KEPT_ALONE[packageName]
  if (kept !== undefined && !kept.includes(path)) return 'a node needs other programs of this package'
  return LEFT_OUT.find((rule) => rule.path.test(path))?.why
}

/** Of packages that the user asked for, only what nobody can use on a node. */
const LEFT_OUT_OF_CHOSEN: readonly RegExp[] = [
  /^usr\/share\/(doc|man|info|doc-base|lintian|bug|reportbug|locale|bash-completion|menu)(\/|$)/,
  /^usr\/lib\/(systemd|sysusers\.d|tmpfiles\.d|init|apt|dpkg)(\/|$)/,
  /^etc\/(init\.d|cron\.[a-z]+|logrotate\.d|apparmor\.d|ufw|bash_completion\.d|dpkg|apt|initramfs|systemd)(\/|$)/,
  /^var\/lib\/(dpkg|apt)(\/|$)/,
]

/** Why a path of a package of the user's is left out, undefined for one that stays. */
export function whyLeftOutOfChosen(path: string): string | undefined {
  return LEFT_OUT_OF_CHOSEN.some((rule) => rule.test(path)) ? 'documentation, translations, or for other init systems and package managers' : undefined
}
