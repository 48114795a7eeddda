/** What a cluster key looks like when written down. */

const CLUSTER_KEY_BYTES = 32
/** 43 base64 digits, one `=` and room for blanks; whatever is longer is some other file. */
const MAX_TEXT_CHARS = 200

export type KeyReading = { ok: true; key: Uint8Array } | { ok: false; why: string }

/** Reads a key from text: base64 of exactly 32 bytes, blanks around it ignored. `why` is for the person who typed it. */
export function readKeyText(text: string): KeyReading {
  const digits = text.length > MAX_TEXT_CHARS ? '' : text.trim()
  if (text.length > MAX_TEXT_CHARS) return { ok: false, why: `a cluster key has 44 characters, this has ${text.length}` }
  if (digits === '') return { ok: false, why: 'there is nothing in it; a cluster key has 44 characters' }
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(digits)) return { ok: false, why: 'a cluster key has only letters, digits, + and /, and one = at its end' }
  const key = Buffer.from(digits, 'base64')
  if (key.length !== CLUSTER_KEY_BYTES || key.toString('base64').replace(/=+$/, '') !== digits.replace(/=+$/, '')) {
    return { ok: false, why: `a cluster key has 44 characters and an = as the last one; this has ${digits.length} and stands for ${key.length} bytes instead of ${CLUSTER_KEY_BYTES}` }
  }
  return { ok: true, key: new Uint8Array(key) }
}

/**
 * The text of `plump.key=` on the kernel's command line; undefined when it is not there. Every program on the node can read that line
 * (/proc/cmdline), and on the machine that runs a lab so can whoever sees QEMU's arguments: it is meant for labs and tests.
 */
export function keyOnCommandLine(commandLine: string): string | undefined {
  return /(?:^|\s)plump\.key=(\S*)/.exec(commandLine)?.[1]
}
