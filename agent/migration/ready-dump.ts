import type { Socket } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import { finalDumpArguments, type DumpOptions } from './criu-arguments.ts'
import { startCriu, startHeldDump, type Criu, type HeldDump } from './criu-process.ts'
import { connectForPages, keepPushing } from './pages-connection.ts'

interface Ready {
  pages: Socket
  options: DumpOptions
  criu: HeldDump
}

/** The last dump of a move, with all that can be had before the job stands still: criu has started and is connected with the target while the pages of a round travel. */
export class ReadyDump {
  readonly #folder: string
  readonly #address: string
  readonly #listening: Promise<void>
  readonly #pipes: Promise<unknown>
  #ready: Promise<Ready> | undefined
  #closed = false

  /**
   * @param move its folder, and the address of its target in the mesh
   * @param until when the target listens, and when the pipes are in the folder
   */
  constructor({ folder, address }: { folder: string; address: string }, until: { listening: Promise<void>; pipes: Promise<unknown> }) {
    this.#folder = folder
    this.#address = address
    this.#listening = until.listening
    this.#pipes = until.pipes
    // Whoever takes a connection hears of it.
    this.#listening.catch(() => undefined)
  }

  /** Gets ready for the last dump as it would be now. */
  prepare(options: DumpOptions): void {
    if (this.#closed) return
    this.#ready = this.#start(options)
    this.#ready.catch(() => undefined)
  }

  /** For a round that is not the last one: a connection for its pages. Throws NodeError TARGET_GONE. */
  async takeConnection(): Promise<Socket> {
    const ready = await this.#take()
    ready?.criu.drop()
    return ready?.pages ?? this.#connect()
  }

  /** Has the last dump begin. What the job has may have changed since it was prepared: then it starts anew. Throws NodeError TARGET_GONE. */
  async begin(options: DumpOptions): Promise<Criu> {
    const ready = await this.#take()
    const pages = ready?.pages ?? await this.#connect()
    keepPushing(pages)
    if (ready && isDeepStrictEqual(ready.options, options)) return ready.criu.begin()
    ready?.criu.drop()
    return startCriu(finalDumpArguments(options), { move: this.#folder, stdin: pages })
  }

  close(): void {
    this.#closed = true
    void this.#take().then((ready) => {
      ready?.criu.drop()
      ready?.pages.destroy()
    }, () => undefined)
  }

  async #start(options: DumpOptions): Promise<Ready> {
    await this.#pipes
    const pages = await this.#connect()
    return { pages, options, criu: startHeldDump(finalDumpArguments(options), { move: this.#folder, stdin: pages }) }
  }

  async #connect(): Promise<Socket> {
    await this.#listening
    return connectForPages(this.#address)
  }

  async #take(): Promise<Ready | undefined> {
    const ready = this.#ready
    this.#ready = undefined
    return ready
  }
}
