import type { NodeId } from '../../schema/node-state.ts'

/**
 * Node id of an IPv4 address: its low 16 bits, as omdiscd had it (192.168.10.220 gives 2780 = 0x0adc). The mesh address is
 * 10.42.0.0/16 plus the id, so that net and broadcast address must not come out: 0 becomes 1, 0xffff becomes 0xfffe.
 */
export function nodeIdOf(address: string): NodeId {
  const [, , high = 0, low = 0] = address.split('.').map(Number)
  return Math.min(Math.max(high * 256 + low, 1), 0xfffe)
}

/** Host name of a node: NAME-ID in hexadecimal, as in `plump-0adc`. */
export function nodeName(imageName: string, id: NodeId): string {
  return `${imageName}-${id.toString(16).padStart(4, '0')}`
}
