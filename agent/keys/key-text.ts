/** What a cluster key looks like when written down. */

const CLUSTER_KEY_BYTES = 32
/** Twice 43 base64 digits and one `=`, with room for blanks; whatever is longer is some other file. */
const MAX_TEXT_CHARS = 200
const ONLY_DIGITS = 'a cluster key has only letters, digits, + and /, and one = at its end'

/** `keys` are newest first: one, or two while the cluster changes from the second to the first. */
export type KeyReading = { ok: true; keys: readonly Uint8Array[] } | { ok: false; why: string }

/**
 * Reads a key, or the new and the old one of a cluster whose key is being changed: each base64 of exactly 32 bytes, with blanks or a comma between
 * them and blanks around. `why` is for the person who typed it.
 */
export function readKeyText(text: string): KeyReading {
  if (text.length > MAX_TEXT_CHARS) return { ok: false, why: `a cluster key has 44 characters, this has ${text.length}` }
  const words = text.split(/[\s,]+/).filter((word) => word !== '')
  if (words.length === 0) return { ok: false, why: 'there is nothing in it; a cluster key has 44 characters' }
  if (!/^[A-Za-z0-9+/=\s,]*$/.test(text)) return { ok: false, why: ONLY_DIGITS }
  if (words.length > 2) return { ok: false, why: 'these are more than two keys; it takes one, or the new and then the old one' }
  const keys: Uint8Array[] = []
  for (const word of words) {
    const reading = readOne(word)
    if (!reading.ok) return reading
    keys.push(reading.key)
  }
  const [newest, old] = keys
  return newest && old && Buffer.from(newest).equals(old) ? { ok: true, keys: [newest] } : { ok: true, keys }
}

/** As they are kept in files: a line each, newest first. */
export function formatKeys(keys: readonly Uint8Array[]): string {
  return keys.map((key) => `${Buffer.from(key).toString('base64')}\n`).join('')
}

function readOne(digits: string): { ok: true; key: Uint8Array } | { ok: false; why: string } {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(digits)) return { ok: false, why: ONLY_DIGITS }
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
