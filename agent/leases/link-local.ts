/** IPv4 link-local addresses (RFC 3927): what a node uses when no DHCP server answers, so that nodes on a bare switch still meet. */

/** 169.254.1.0 to 169.254.254.255; RFC 3927, section 2.1 reserves the first and last 256. */
const FIRST = (169 << 24 >>> 0) + (254 << 16) + 256
const COUNT = 254 * 256

/**
 * The address to try at the given attempt (0 first): spread evenly and derived from the MAC, so that a card gets the
 * same one at every boot, and its node the same id. The hash is 32 bit FNV-1a with a final mix (murmur3's), because
 * the cards of one shop differ in their last bits only.
 */
export function linkLocalCandidate(mac: string, attempt: number): string {
  let hash = 0x811c9dc5
  for (const character of `${mac.toLowerCase()}/${attempt}`) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193) >>> 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b) >>> 0
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35) >>> 0
  hash = (hash ^ (hash >>> 16)) >>> 0
  return dotted(FIRST + (hash % COUNT))
}

/** Whether an address is in 169.254.0.0/16. */
export function isLinkLocal(address: string): boolean {
  return address.startsWith('169.254.')
}

function dotted(value: number): string {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.')
}
