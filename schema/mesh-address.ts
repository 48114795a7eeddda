import type { NodeId } from './node-state.ts'

/** The mesh: a WireGuard network of its own between the members. Who has the key is in it, nobody else. */
export const MESH_INTERFACE = 'plump0'
export const MESH_PREFIX_LENGTH = 16
export const MESH_NETWORK = '10.42.0.0/16'
/** UDP, on every interface: the only port of the mesh that others see. */
export const MESH_PORT = 51_820

/** A node's address in the mesh: 10.42.0.0/16 plus its id. */
export function meshAddress(id: NodeId): string {
  return `10.42.${id >> 8}.${id & 0xff}`
}

/** The node that has a mesh address, undefined when it is none. WireGuard lets in a packet from it only when that node sent it. */
export function nodeOfMeshAddress(address: string): NodeId | undefined {
  const [, high, low] = /^(?:::ffff:)?10\.42\.(\d{1,3})\.(\d{1,3})$/.exec(address) ?? []
  if (high === undefined || low === undefined || Number(high) > 255 || Number(low) > 255) return undefined
  return Number(high) * 256 + Number(low)
}
