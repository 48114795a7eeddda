import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import { meshAddress } from '../../schema/mesh-address.ts'
import type { AgentContext } from '../capability.ts'
import type { MeshState } from '../state.ts'
import { decodeGossip, encodeGossip } from './gossip-codec.ts'
import type { GossipMessage } from './gossip-table.ts'

/** openMosix's own number for load news; on the mesh only (nftables.conf). */
export const GOSSIP_PORT = 5428
/** A member sends one datagram a second; who sends many more is not listened to. */
const HEARD_LIMIT_PER_SECOND = 64

/** Load gossip over the mesh: follows its state, and hears only members, each speaking for its own mesh address. */
export class GossipSocket {
  readonly #context: AgentContext
  readonly #hear: (message: GossipMessage) => void
  readonly #unwatch: () => void
  #open: { address: string; socket: Socket } | undefined
  #heard = 0

  constructor(context: AgentContext, hear: (message: GossipMessage) => void) {
    this.#context = context
    this.#hear = hear
    this.#unwatch = context.state.watch('mesh', (mesh) => this.#follow(mesh))
    this.#follow(context.state.get('mesh'))
  }

  /** Sends to one member at random; not at all while there is none. Called once a second. */
  tell(message: GossipMessage, random: () => number): void {
    this.#heard = 0
    const mesh = this.#context.state.get('mesh')
    if (mesh.state === 'down' || this.#open === undefined) return
    const peer = mesh.peers[Math.floor(random() * mesh.peers.length)]
    if (peer !== undefined) this.#open.socket.send(encodeGossip(message), GOSSIP_PORT, peer.address, () => undefined)
  }

  stop(): void {
    this.#unwatch()
    this.#close()
  }

  #follow(mesh: MeshState): void {
    const address = mesh.state === 'up' ? mesh.address : undefined
    if (address === this.#open?.address) return
    this.#close()
    if (address === undefined) return
    const socket = createSocket('udp4')
    const log = this.#context.log.named('balance')
    socket.on('error', (error) => {
      log.warn(`load gossip on ${address}: ${error.message}`)
      if (this.#open?.socket === socket) this.#close()
    })
    socket.on('message', (bytes, from) => this.#take(bytes, from.address))
    socket.bind(GOSSIP_PORT, address)
    this.#open = { address, socket }
  }

  #take(bytes: Buffer, from: string): void {
    if (++this.#heard > HEARD_LIMIT_PER_SECOND) return
    const decoded = decodeGossip(bytes)
    // WireGuard proves the address; a member may pass on news of others, but speaks only in its own name.
    if (decoded !== undefined && meshAddress(decoded.sender) === from) this.#hear(decoded.message)
  }

  #close(): void {
    this.#open?.socket.close()
    this.#open = undefined
  }
}
