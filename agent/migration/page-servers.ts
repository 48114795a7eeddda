import { mkdirSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { meshAddress, nodeOfMeshAddress } from '../../schema/mesh-address.ts'
import { PAGES_PORT, ROUNDS_LIMIT } from '../../schema/migration.ts'
import type { NodeId } from '../../schema/node-state.ts'
import { NodeError } from '../api/node-error.ts'
import { carriers } from './carriers.ts'
import { pageServerArguments } from './criu-arguments.ts'
import { startCriu } from './criu-process.ts'
import { PAGES_KEEP_ALIVE_MS } from './pages-connection.ts'

const CONNECTION_LIMIT_MS = 30_000
const CONNECTION_POLL_MS = 20
/** Behind the kernel's threads that bring the pages: with criu's usual niceness, a job of 8 MiB took half as long again to move. docs/decisions/0049 has the figures. */
const PAGE_SERVER_NICENESS = 10

/** Of a job that comes here: its node, this node, the folder of its move and its cgroup. */
interface PagesPlace {
  source: NodeId
  self: NodeId
  folder: string
  cgroup: string
}

/**
 * Takes a job's pages: the source makes a connection for each round, in their order, and each is handed to a page server of CRIU as soon as the round before is here, which is its
 * parent. Nobody reads from a connection before.
 */
export class PageServers {
  readonly #place: PagesPlace
  readonly #server: Server
  /** For each connection in its order, when its page server is through. */
  readonly #rounds: Promise<void>[] = []
  readonly #waiting = new Set<Socket>()

  private constructor(place: PagesPlace) {
    this.#place = place
    this.#server = createServer({ pauseOnConnect: true }, (socket) => this.#accept(socket))
  }

  /** Throws the system's error when this node cannot listen. */
  static async listen(place: PagesPlace): Promise<PageServers> {
    const servers = new PageServers(place)
    await new Promise<void>((resolve, reject) => {
      servers.#server.once('error', reject)
      servers.#server.listen(PAGES_PORT, meshAddress(place.self), resolve)
    })
    return servers
  }

  /** Resolves when all pages up to this round are here. Throws NodeError PAGES_LOST. */
  async settled(round: number): Promise<void> {
    for (let waitedMs = 0; this.#rounds.length < round; waitedMs += CONNECTION_POLL_MS) {
      if (waitedMs > CONNECTION_LIMIT_MS) throw new NodeError('PAGES_LOST', 'the source sent no pages', 'the job goes on where it was; try again')
      await pause(CONNECTION_POLL_MS)
    }
    await this.#rounds[round - 1]
  }

  /** A page server that runs goes on to its end. */
  close(): void {
    this.#server.close()
    for (const socket of this.#waiting) socket.destroy()
  }

  #accept(socket: Socket): void {
    if (nodeOfMeshAddress(socket.remoteAddress ?? '') !== this.#place.source || this.#rounds.length === ROUNDS_LIMIT) return void socket.destroy()
    socket.on('error', () => socket.destroy())
    socket.setKeepAlive(true, PAGES_KEEP_ALIVE_MS)
    const before = this.#rounds.at(-1) ?? Promise.resolve()
    const round = this.#rounds.length + 1
    this.#waiting.add(socket)
    const taken = before.then(() => this.#takeRound(round, socket))
    taken.catch(() => socket.destroy())
    this.#rounds.push(taken)
  }

  async #takeRound(round: number, socket: Socket): Promise<void> {
    const { folder, cgroup } = this.#place
    this.#waiting.delete(socket)
    if (socket.destroyed) throw pagesLost(round)
    const into = roundFolder(folder, round)
    const criu = startCriu(pageServerArguments({ folder: into, ...(round === 1 ? {} : { parent: `../${round - 1}` }) }), { move: folder, stdin: socket, niceness: PAGE_SERVER_NICENESS })
    void carriers.add(criu, { cgroup, folder })
    if (await criu.ended !== 0) throw pagesLost(round)
  }
}

function pagesLost(round: number): NodeError {
  return new NodeError('PAGES_LOST', `the pages of round ${round} did not arrive whole`, 'the job goes on where it was; try again')
}

/** The folder of a round in that of a move; it is made. */
export function roundFolder(move: string, round: number): string {
  const folder = `${move}/${round}`
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}
