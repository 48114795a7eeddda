import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { EXIT, PlumpError } from '../errors.ts'
import { run } from '../os/run.ts'

/** Where the package grub-pc-bin puts GRUB's files for BIOS, on Debian and Ubuntu alike. */
const GRUB_FOLDER = '/usr/lib/grub/i386-pc'

/** In the image itself, so that it loads nothing but its menu from the medium. */
const MODULES = [
  'biosdisk', 'iso9660', 'part_gpt', 'part_msdos', 'normal', 'configfile', 'linux', 'search', 'search_fs_file', 'serial', 'terminal', 'test', 'echo',
  'halt', 'reboot', 'minicmd', 'ls', 'cat', 'help', 'sleep',
]

/** The El Torito image: GRUB for BIOS, from CD and (by {@link hybridBootSector}) from disk. */
export async function makeBiosImage(file: string, signal: AbortSignal): Promise<void> {
  await run('grub-mkimage', ['-O', 'i386-pc-eltorito', '-d', grubFolder(), '-p', '/boot/grub', '-o', file, ...MODULES], { signal })
}

/** The boot sector that makes the same ISO start from a disk. */
export function hybridBootSector(): string {
  return join(grubFolder(), 'boot_hybrid.img')
}

function grubFolder(): string {
  if (existsSync(join(GRUB_FOLDER, 'boot_hybrid.img'))) return GRUB_FOLDER
  throw new PlumpError('TOOL_MISSING', 'GRUB\'s files for BIOS not found; the ISO starts on BIOS machines by them', {
    fix: './plump doctor --fix', exitCode: EXIT.toolMissing,
  })
}
