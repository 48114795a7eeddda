/** What stands where a secret was. */
export const REMOVED = '[removed]'

/** Shorter values are no secrets, and would be found in the middle of innocent words. */
const SHORTEST_SECRET_CHARS = 6

/** Where a secret follows a name, whatever it is. */
const NAMED: readonly RegExp[] = [
  /(plump\.key=)\S+/g,
  /("(?:encrypt_key|rpc_auth|psk|password|privateKey|private_key)"\s*:\s*)"(?:[^"\\]|\\.)*"/g,
  /((?:psk|sae_password|wep_key\d)=)(?:"[^"\n]*"|\S+)/g,
  /((?:private key|PrivateKey|preshared key|PresharedKey)\s*[:=]\s*)\S+/g,
]
/** 32 bytes in base64: a cluster key, a key of the gossip or of the mesh. Public keys look the same and go with them. */
const KEY_TEXT = /(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=(?![A-Za-z0-9+/=])/g

/**
 * A text without its secrets: the values named, what follows a name that says so, and everything that looks like a key. The values are taken
 * first, as they stand and as JSON would write them.
 */
export function redact(text: string, secrets: readonly string[]): string {
  const values = secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)])
    .filter((value) => value.length >= SHORTEST_SECRET_CHARS)
    .toSorted((one, other) => other.length - one.length)
  const withoutValues = [...new Set(values)].reduce((rest, value) => rest.replaceAll(value, REMOVED), text)
  const withoutNamed = NAMED.reduce((rest, pattern) => rest.replace(pattern, `$1${REMOVED}`), withoutValues)
  return withoutNamed.replace(KEY_TEXT, REMOVED)
}
