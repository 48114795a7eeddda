import type { MediumFile } from './medium.ts'

export interface IsoOptions {
  file: string
  volumeId: string
  epochSeconds: number
  /** GRUB's boot sector for disks. */
  bootSector: string
  /** The EFI system partition. */
  espImage: string
  files: readonly MediumFile[]
}

/** Path of the BIOS boot image on the medium. */
export const ELTORITO_PATH = 'boot/grub/eltorito.img'

/**
 * Arguments for xorriso's mkisofs mode: an ISO that boots on BIOS (El Torito; as a disk by GRUB's hybrid boot sector) and on UEFI (El Torito
 * entry pointing to the appended ESP; as a disk by the partition table). Found and tried as told in recipes.md, "One ISO, six ways".
 */
export function isoArguments(options: IsoOptions): string[] {
  return [
    '-as', 'mkisofs', '-quiet', '-o', options.file, '-V', options.volumeId, '-r', '-J', '-joliet-long', '-full-iso9660-filenames', '-iso-level', '3',
    // The 300 KB that protect the end of a track from read-ahead; here the appended ESP lies behind the file system.
    '-no-pad',
    // What the initramfs reads first lies first, so that of a copy that was cut short it can say that it was.
    '--sort-weight', '1', '/plump',
    '--set_all_file_dates', xorrisoDate(options.epochSeconds),
    '-b', ELTORITO_PATH, '-c', 'boot/grub/boot.cat', '-no-emul-boot', '-boot-load-size', '4', '-boot-info-table', '--grub2-boot-info',
    '--grub2-mbr', options.bootSector, '-partition_offset', '16', '--mbr-force-bootable',
    '-append_partition', '2', '0xef', options.espImage, '-appended_part_as_gpt',
    '-eltorito-alt-boot', '-e', '--interval:appended_partition_2:all::', '-no-emul-boot',
    '-graft-points', ...options.files.toSorted((a, b) => (a.path < b.path ? -1 : 1)).map(({ path, source }) => `${escapeGraft(path)}=${escapeGraft(source)}`),
  ]
}

/** `YYYYMMDDhhmmsscc` in UTC, as ECMA-119 has it. */
export function xorrisoDate(epochSeconds: number): string {
  return `${new Date(epochSeconds * 1000).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}00`
}

/** In a graft point `=` ends the path and `\` escapes. */
function escapeGraft(path: string): string {
  return path.replaceAll(/[\\=]/g, '\\$&')
}
