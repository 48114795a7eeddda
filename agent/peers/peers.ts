import { createConnection, createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type * as z from 'zod'
import type { NodeId } from '../../schema/node-state.ts'
import { PEER_HEADER_LIMIT_BYTES, PEER_PORT, peerHeaderSchema, type PeerHeader } from '../../schema/peer.ts'
import { NodeError } from '../api/node-error.ts'
import type { AgentContext, Capability } from '../capability.ts'
import type { MeshState, StateStore } from '../state.ts'
import { answerCall, askPeer, type CallAnswer, type CallOptions } from './call.ts'
import { readFirstLine } from './first-line.ts'

const CONNECT_LIMIT_MS = 5_000
const HEADER_LIMIT_MS = 10_000
const LISTEN_RETRY_MS = 1_000
const CONNECTIONS_LIMIT = 4_096
const PENDING_HEADERS_LIMIT = 256
/** A node that vanished is noticed by TCP keep-alive even on a channel that is silent for hours. */
const KEEP_ALIVE_MS = 5_000

/** Takes a connection over. The stream is paused right behind its header: put the listeners in place, then call `resume` (or `pipe`). It ends with `close`; errors are no more than that. */
export type ChannelHandler = (stream: Duplex, from: NodeId, header: PeerHeader) => void

/** Connections between the agents of members, over the mesh only: the mesh address of the other end proves who it is. */
export interface Peers extends Capability {
  /** Opens a channel to a node, itself included. Throws NodeError PEER_UNREACHABLE. The stream is paused, as in {@link ChannelHandler}. */
  open(node: NodeId, header: PeerHeader): Promise<Duplex>
  /** Connections that open with this channel's name go to `handler` from now on. One handler a channel. */
  serve(channel: string, handler: ChannelHandler): void
  /** Asks one thing of a node that has {@link Peers.answer} for the channel, and gives the result as it came: parse it. Throws NodeError: the other's refusal, or PEER_UNREACHABLE. */
  call(node: NodeId, channel: string, request: object, options?: CallOptions): Promise<unknown>
  /** Answers calls: `schema` parses the request, a NodeError thrown by `answer` reaches the caller as it is. */
  answer<Request>(channel: string, schema: z.ZodType<Request>, answer: CallAnswer<Request>): void
}

export interface PeersOptions {
  port?: number
}

/** Serves channels on the mesh address while the mesh is up, and opens them to others. */
export function startPeers(context: AgentContext, options: PeersOptions = {}): Peers {
  const port = options.port ?? PEER_PORT
  const log = context.log.named('peers')
  const handlers = new Map<string, ChannelHandler>()
  const connections = new Set<Socket>()
  let pendingHeaders = 0
  let listening: { address: string; server: Server; retry?: NodeJS.Timeout } | undefined

  const accept = (socket: Socket): void => {
    const from = nodeAt(context.state, socket.remoteAddress ?? '')
    if (from === undefined || pendingHeaders >= PENDING_HEADERS_LIMIT) {
      socket.on('error', () => undefined).destroy()
      return log.warn(`connection from ${socket.remoteAddress ?? '?'} refused: ${from === undefined ? 'no member has this address' : 'too many wait for their header'}`)
    }
    keep(socket)
    pendingHeaders += 1
    readFirstLine(socket, PEER_HEADER_LIMIT_BYTES, HEADER_LIMIT_MS).finally(() => { pendingHeaders -= 1 }).then((line) => {
      const header = peerHeaderSchema.parse(JSON.parse(line))
      const handler = handlers.get(header.channel)
      if (!handler) throw new Error(`nobody serves the channel ${header.channel}`)
      handler(socket, from, header)
    }).catch((error: unknown) => {
      log.warn(`connection of node ${from}: ${error instanceof Error ? error.message : String(error)}`)
      socket.destroy()
    })
  }
  const keep = (socket: Socket): void => {
    socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS)
    connections.add(socket)
    // A stream without a listener would end the agent; whoever uses it hears of the end by `close`.
    socket.on('error', () => undefined).on('close', () => connections.delete(socket))
  }
  const listen = (address: string): void => {
    const server = createServer({ pauseOnConnect: true }, accept)
    const here: typeof listening = { address, server }
    listening = here
    server.maxConnections = CONNECTIONS_LIMIT
    server.on('error', (error) => {
      log.warn(`cannot listen on ${address} port ${port}: ${error.message}`)
      here.retry = setTimeout(() => server.listen(port, address), LISTEN_RETRY_MS)
    })
    server.listen(port, address)
  }
  const close = (): void => {
    clearTimeout(listening?.retry)
    listening?.server.close()
    listening = undefined
  }
  const follow = (mesh: MeshState): void => {
    const address = mesh.state === 'up' ? mesh.address : undefined
    if (address === listening?.address) return
    close()
    if (address !== undefined) listen(address)
  }
  const unwatch = context.state.watch('mesh', follow)
  follow(context.state.get('mesh'))

  const peers: Peers = {
    async open(node, header) {
      const socket = await connectTo(context.state, node, port)
      keep(socket)
      socket.write(`${JSON.stringify(header)}\n`)
      return socket
    },
    serve: (channel, handler) => void handlers.set(channel, handler),
    call: async (node, channel, request, options) => askPeer(await peers.open(node, { channel, request }), node, options),
    answer: (channel, schema, answer) => peers.serve(channel, (stream, from, header) => answerCall(stream, from, header, schema, answer, (error) => log.warn(`bug: ${String(error)}`))),
    stop() {
      unwatch()
      close()
      for (const socket of connections) socket.destroy()
    },
  }
  return peers
}

/** The member whose mesh address this is; the mesh lets no one use another's address. */
function nodeAt(state: StateStore, address: string): NodeId | undefined {
  const mesh = state.get('mesh')
  if (mesh.state === 'down') return undefined
  return address === mesh.address ? state.get('identity')?.id : mesh.peers.find((peer) => peer.address === address)?.id
}

function connectTo(state: StateStore, node: NodeId, port: number): Promise<Socket> {
  const mesh = state.get('mesh')
  if (mesh.state === 'down') return Promise.reject(unreachable(node, 'the mesh is not up'))
  const host = node === state.get('identity')?.id ? mesh.address : mesh.peers.find((peer) => peer.id === node)?.address
  if (host === undefined) return Promise.reject(unreachable(node, 'it is no member of the mesh'))
  return new Promise((resolve, reject) => {
    // allowHalfOpen stays off: a side that ends a channel has nothing more to hear on it.
    const socket = createConnection({ host, port, localAddress: mesh.address })
    const timer = setTimeout(() => socket.destroy(new Error(`no connection within ${CONNECT_LIMIT_MS} ms`)), CONNECT_LIMIT_MS)
    const failed = (error: Error): void => {
      clearTimeout(timer)
      reject(unreachable(node, error.message))
    }
    socket.once('error', failed)
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.pause()
      resolve(socket)
      setImmediate(() => socket.off('error', failed))
    })
  })
}

function unreachable(node: NodeId, why: string): NodeError {
  return new NodeError('PEER_UNREACHABLE', `node ${node} does not answer: ${why}`, 'see whether it is alive with: plump nodes')
}
