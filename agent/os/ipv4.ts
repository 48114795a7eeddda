/** An address as a number; the text must already be a valid dotted IPv4 address. */
function ipv4Number(address: string): number {
  return address.split('.').reduce((number, part) => number * 256 + Number(part), 0)
}

/** Whether `address` can be a node's: not 0/8, loopback, multicast, reserved or broadcast (RFC 6890). */
export function isUnicast(address: string): boolean {
  const first = Math.floor(ipv4Number(address) / 2 ** 24)
  return first > 0 && first < 224 && first !== 127
}

/** Whether `address` lies on the network of an interface that has `own`/`prefixLength`, and is neither its first nor, in networks larger than /31, its last address. */
export function isOnLink(address: string, own: string, prefixLength: number): boolean {
  const size = 2 ** (32 - prefixLength)
  const offset = ipv4Number(address) - Math.floor(ipv4Number(own) / size) * size
  if (offset < 0 || offset >= size) return false
  return size <= 2 || (offset !== 0 && offset !== size - 1)
}
