/**
 * The small texts that lead a machine from its boot loader to the menu on the medium: they alone know the address of this server and
 * which files the medium has.
 */

/** Files of the medium that a node runs from, whatever its kernel; boot loader, kernel and its initrd have come by themselves. */
export function carriedFiles(paths: readonly string[]): string[] {
  return paths.filter((path) => /^(live|plump|packages)\//.test(path) && isPlain(path)).toSorted()
}

/** Neither GRUB nor iPXE can be told of a file with a blank or one of their own signs in its name. */
export function unservable(paths: readonly string[]): string[] {
  return paths.filter((path) => /^(live|plump|packages)\//.test(path) && !isPlain(path)).toSorted()
}

function isPlain(path: string): boolean {
  return /^[\w./+~@-]+$/.test(path)
}

/** grub/grub.cfg, which GRUB asks for by TFTP. `host` is ADDRESS:PORT. */
export function grubScript(host: string, paths: readonly string[]): string {
  return [
    `set base=(http,${host})`,
    `set files="${carriedFiles(paths).map((path) => `newc:medium/${path}:$base/${path}`).join(' ')}"`,
    'export base',
    'export files',
    'configfile $base/boot/netboot/grub.cfg',
    '',
  ].join('\n')
}

/** boot.ipxe, which iPXE asks for by TFTP. */
export function ipxeScript(host: string): string {
  return ['#!ipxe', `set base http://${host}`, 'chain ${base}/boot/netboot/menu.ipxe', ''].join('\n')
}

/** files.ipxe, which the menu asks for by HTTP: one line a file. */
export function ipxeFiles(paths: readonly string[]): string {
  return ['#!ipxe', ...carriedFiles(paths).map((path) => `initrd \${base}/${path} /medium/${path}`), ''].join('\n')
}
