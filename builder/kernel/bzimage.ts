import { PlumpError } from '../errors.ts'

/**
 * The head of a bzImage: the x86 boot protocol (Linux, Documentation/arch/x86/boot.rst) and, since it is a program for UEFI as well, the PE
 * header with the place of its signature (Microsoft PE format, "Optional Header Data Directories").
 */

const BOOT_MAGIC_AT = 0x1fe
const HEADER_MAGIC_AT = 0x202
const PROTOCOL_AT = 0x206
const VERSION_POINTER_AT = 0x20e
const EXTENDED_FLAGS_AT = 0x236
const KERNEL_64 = 1
/** 2.12 has the flags that tell a 64-bit kernel (Linux 3.8). */
const OLDEST_PROTOCOL = 0x020c
const PE_POINTER_AT = 0x3c
const PE32_PLUS = 0x20b
/** In the optional header of PE32+: the data directories, of which the fifth is that of the certificates. */
const CERTIFICATES_AT = 112 + 4 * 8
const VERSION_LIMIT_CHARS = 256
/** Debian's shim accepts what this authority signed. */
const DEBIAN_AUTHORITY = 'Debian Secure Boot'

export type ImageSignature = 'debian' | 'other' | 'none'

export interface BzImage {
  /** As `uname -r` will say it, which is the name of its folder of modules: `6.12.117+deb13-cloud-amd64`. */
  version: string
  /** Who signed it for Secure Boot: Debian, somebody else, nobody. */
  signature: ImageSignature
}

/** Reads a kernel image. Throws BZIMAGE (`file` names it) for what GRUB could not start on a 64-bit PC. */
export function parseBzImage(image: Buffer, file: string): BzImage {
  const wrong = whyNotBzImage(image)
  if (wrong !== undefined) {
    throw new PlumpError('BZIMAGE', `${file} is not a kernel that boots on a 64-bit PC: ${wrong}`, {
      fix: 'take arch/x86/boot/bzImage of the kernel\'s build, or boot/vmlinuz-VERSION of a package for amd64',
    })
  }
  const at = 0x200 + image.readUInt16LE(VERSION_POINTER_AT)
  const text = image.subarray(at, at + VERSION_LIMIT_CHARS).toString('latin1').split('\0')[0] ?? ''
  const [version = ''] = text.split(' ')
  if (!/^\d+\.[\w.+~-]+$/.test(version)) {
    throw new PlumpError('BZIMAGE', `${file} does not say its version where a bzImage has it`, { fix: 'the file may be damaged: copy it again' })
  }
  return { version, signature: signatureOf(image) }
}

function whyNotBzImage(image: Buffer): string | undefined {
  if (image.length >= 4 && image.readUInt32BE(0) === 0x7f454c46) return 'it is an ELF file, as vmlinux is'
  if (image.length < 0x268 || image.readUInt16LE(BOOT_MAGIC_AT) !== 0xaa55 || image.toString('latin1', HEADER_MAGIC_AT, HEADER_MAGIC_AT + 4) !== 'HdrS') {
    return 'it has no boot header (0xAA55 at byte 510, HdrS at byte 514)'
  }
  if (image.readUInt16LE(PROTOCOL_AT) < OLDEST_PROTOCOL) return 'it is older than Linux 3.8'
  return image.readUInt16LE(EXTENDED_FLAGS_AT) & KERNEL_64 ? undefined : 'it is for 32-bit PCs'
}

function signatureOf(image: Buffer): ImageSignature {
  const pe = image.readUInt32LE(PE_POINTER_AT)
  const optional = pe + 24
  if (optional + CERTIFICATES_AT + 8 > image.length || image.toString('latin1', pe, pe + 4) !== 'PE\0\0' || image.readUInt16LE(optional) !== PE32_PLUS) return 'none'
  const at = image.readUInt32LE(optional + CERTIFICATES_AT)
  const bytes = image.readUInt32LE(optional + CERTIFICATES_AT + 4)
  if (at === 0 || bytes === 0 || at + bytes > image.length) return 'none'
  return image.subarray(at, at + bytes).includes(DEBIAN_AUTHORITY) ? 'debian' : 'other'
}
