import { createSocket } from 'node:dgram'
import { meshAddress } from '../../schema/mesh-address.ts'
import type { AgentContext, Capability } from '../capability.ts'
import { configurePeers, dumpPeers, meshMtu, setUpInterface } from './interface.ts'
import { setBackMs, type ClockLook } from './clock-step.ts'
import { meshKeys, renewMeshKeys } from './mesh-key.ts'
import { formatMeshConfig, wantedPeers, type MeshPeer } from './peers.ts'
import { parseDump, Reach } from './reach.ts'

/** Changes of membership come in bursts; one configuration serves all of a burst. */
const SETTLE_MS = 50
const RETRY_MS = 2_000
/** How often WireGuard is asked who answers: often while a new peer is expected to, rarely when all is quiet. */
const LOOK_SOON_MS = 300
const LOOK_MS = 10_000
const EXPECTED_WITHIN_MS = 10_000
/** When nobody has answered for so long the console is told. */
const SILENCE_TOLD_MS = 20_000
/** A session of WireGuard outlives its last handshake by three minutes: with less than this the clock has caught up before a new one is due. */
const SET_BACK_LIMIT_MS = 60_000
/** The discard service (RFC 863): nobody listens, but the datagram makes WireGuard shake hands. */
const DISCARD_PORT = 9

/**
 * Keeps the mesh: the WireGuard interface plump0 with this node's address, and for its peers the members that are alive, each at an endpoint where it
 * answers. Writes state `mesh`. It begins when the node is ready, so that it delays no boot.
 */
export function startMesh(context: AgentContext): Capability {
  const mesh = new Mesh(context)
  mesh.start()
  return { stop: () => mesh.stop() }
}

class Mesh {
  readonly #context: AgentContext
  #privateKey = meshKeys().privateKey
  #clock: ClockLook | undefined
  readonly #reach = new Reach()
  readonly #stops: (() => void)[] = []
  #timer: NodeJS.Timeout | undefined
  #lookTimer: NodeJS.Timeout | undefined
  #working = false
  #again = false
  #interface = ''
  #config = ''
  #peers: readonly MeshPeer[] = []
  /** Peers that a packet is to be sent to, so that WireGuard shakes hands with them at once. */
  #toGreet: MeshPeer[] = []
  #expectedSinceMs = 0
  #stopped = false

  constructor(context: AgentContext) {
    this.#context = context
  }

  start(): void {
    const { state } = this.#context
    state.set('meshKey', meshKeys().publicKey)
    const soon = (): void => this.#soon(SETTLE_MS)
    for (const key of ['stage', 'identity', 'members', 'leases'] as const) this.#stops.push(state.watch(key, soon))
    soon()
  }

  stop(): void {
    this.#stopped = true
    for (const stop of this.#stops) stop()
    clearTimeout(this.#timer)
    clearTimeout(this.#lookTimer)
  }

  #soon(delayMs: number): void {
    if (this.#stopped || this.#context.state.get('stage') !== 'ready' && this.#context.state.get('stage') !== 'joined') return
    if (this.#working) {
      this.#again = true
      return
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      void this.#bringUpToDate()
    }, delayMs)
  }

  async #bringUpToDate(): Promise<void> {
    this.#working = true
    this.#again = false
    let failed = false
    try {
      await this.#apply()
    } catch (error) {
      failed = true
      const why = error instanceof Error ? error.message : String(error)
      this.#context.log.named('mesh').warn(why)
      this.#context.state.setWaiting('mesh', { for: 'the mesh between the nodes, which could not be set up', fix: 'plump log says why; a kernel of your own needs the module wireguard' })
    }
    this.#working = false
    if (failed || this.#again) this.#soon(failed ? RETRY_MS : SETTLE_MS)
  }

  async #apply(): Promise<void> {
    const { state } = this.#context
    const identity = state.get('identity')
    if (!identity) return
    const address = meshAddress(identity.id)
    const leases = state.get('leases')
    const mtu = meshMtu(leases)
    if (this.#interface !== `${address} ${mtu}`) {
      await setUpInterface(address, mtu)
      this.#interface = `${address} ${mtu}`
      this.#context.log.named('mesh').info(`this node is ${address} in the mesh, MTU ${mtu}`)
    }
    this.#peers = wantedPeers(state.get('members'), identity.id, leases)
    const fresh = this.#reach.want(this.#peers, this.#context.nowMs())
    if (fresh.length > 0) this.#expectedSinceMs = this.#context.nowMs()
    this.#toGreet.push(...fresh)
    await this.#configure()
    this.#publish()
    const greeted = this.#toGreet.splice(0)
    greet(greeted)
    this.#lookIn(greeted.length > 0 ? LOOK_SOON_MS : LOOK_MS)
  }

  async #configure(): Promise<void> {
    const config = formatMeshConfig(this.#privateKey, this.#peers, this.#reach.of(this.#peers))
    if (config === this.#config) return
    await configurePeers(config)
    this.#config = config
  }

  #publish(): void {
    const { state } = this.#context
    const address = meshAddress(state.get('identity')?.id ?? 0)
    const reach = this.#reach.of(this.#peers)
    const peers = this.#peers.map((peer) => ({ id: peer.id, address: peer.address, answered: reach.get(peer.publicKey)?.answered ?? false }))
    state.set('mesh', { state: 'up', address, peers })
    const silent = this.#peers.find((peer) => reach.get(peer.publicKey)?.answered !== true)
    const isAlone = silent !== undefined && !peers.some((peer) => peer.answered) && this.#context.nowMs() - this.#expectedSinceMs > SILENCE_TOLD_MS
    state.setWaiting('mesh', isAlone
      ? { for: `an answer through the mesh from ${silent.endpoints[0] ?? silent.address}`, fix: 'let UDP port 51820 through between the nodes' }
      : undefined)
  }

  #lookIn(delayMs: number): void {
    clearTimeout(this.#lookTimer)
    if (this.#stopped) return
    this.#lookTimer = setTimeout(() => {
      this.#look().catch((error: unknown) => {
        this.#context.log.named('mesh').warn(error instanceof Error ? error.message : String(error))
        this.#lookIn(LOOK_MS)
      })
    }, delayMs)
  }

  /**
   * WireGuard's handshakes carry the time of day, and a peer refuses any that is older than the last it saw: after the clock was set back this node
   * could call nobody for as long. Nobody knows a new key, nor an old handshake of it.
   */
  #renewKeyIfSetBack(): void {
    const beforeMs = this.#context.nowMs()
    const look = { beforeMs, timeOfDayMs: Date.now(), afterMs: this.#context.nowMs() }
    if (this.#clock !== undefined && setBackMs(this.#clock, look) > SET_BACK_LIMIT_MS) {
      const keys = renewMeshKeys()
      this.#privateKey = keys.privateKey
      this.#context.log.named('mesh').info('the clock was set back; this node takes a new key in the mesh')
      this.#context.state.set('meshKey', keys.publicKey)
      this.#soon(0)
    }
    this.#clock = look
  }

  async #look(): Promise<void> {
    this.#renewKeyIfSetBack()
    const nowMs = this.#context.nowMs()
    const moved = this.#reach.note(this.#peers, parseDump(await dumpPeers()), nowMs)
    this.#publish()
    if (moved.length > 0) {
      this.#toGreet.push(...moved)
      this.#soon(0)
    }
    const isExpecting = [...this.#reach.of(this.#peers).values()].some((reach) => !reach.answered)
    this.#lookIn(isExpecting && nowMs - this.#expectedSinceMs < EXPECTED_WITHIN_MS ? LOOK_SOON_MS : LOOK_MS)
  }
}

/** Sends each a datagram that nobody there takes: whoever is configured last gets the handshake through, and it serves both directions. */
function greet(peers: readonly MeshPeer[]): void {
  if (peers.length === 0) return
  const socket = createSocket('udp4')
  socket.on('error', () => undefined)
  let left = peers.length
  for (const peer of peers) {
    socket.send('\n', DISCARD_PORT, peer.address, () => {
      left -= 1
      if (left === 0) socket.close()
    })
  }
}
