import { meshAddress, MESH_PORT } from '../../schema/mesh-address.ts'
import type { Lease, Member, NodeId } from '../../schema/node-state.ts'
import { endpointsOf } from './endpoints.ts'

/** A member as WireGuard is to know it. */
export interface MeshPeer {
  id: NodeId
  address: string
  publicKey: string
  /** Where it can be, best first; never empty. */
  endpoints: readonly string[]
}

/**
 * The members that belong into the mesh: others that are alive and tell their key. While two members have one id (the younger is about to take
 * another) neither can be told from the other by its mesh address, so both are left out.
 */
export function wantedPeers(members: readonly Member[], self: NodeId, leases: readonly Lease[]): MeshPeer[] {
  const alive = members.filter((member) => !member.self && member.state === 'alive' && member.mesh !== undefined)
  const holders = Map.groupBy(alive, (member) => member.id)
  return alive.flatMap((member) => {
    if (!member.mesh || member.id === self || holders.get(member.id)?.length !== 1) return []
    const endpoints = endpointsOf({ known: member.addresses, own: member.mesh.networks }, leases)
    return endpoints.length === 0 ? [] : [{ id: member.id, address: meshAddress(member.id), publicKey: member.mesh.publicKey, endpoints }]
  })
}

/** How a peer stands: where its endpoint is looked for at present, and whether it was ever heard there. */
export interface PeerReach {
  endpoint: string
  answered: boolean
}

/**
 * The file `wg syncconf` reads (wg(8)). The endpoint of a peer that answers is not named, because WireGuard itself follows one that moves.
 */
export function formatMeshConfig(privateKey: string, peers: readonly MeshPeer[], reach: ReadonlyMap<string, PeerReach>): string {
  const sections = peers.map((peer) => {
    const at = reach.get(peer.publicKey)
    const endpoint = at && !at.answered ? [`Endpoint = ${at.endpoint}:${MESH_PORT}`] : []
    return ['[Peer]', `PublicKey = ${peer.publicKey}`, `AllowedIPs = ${peer.address}/32`, ...endpoint].join('\n')
  })
  return `${[`[Interface]\nPrivateKey = ${privateKey}\nListenPort = ${MESH_PORT}`, ...sections].join('\n\n')}\n`
}
