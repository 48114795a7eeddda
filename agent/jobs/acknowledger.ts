/** Of the sender's window: it never waits for an acknowledgement while bytes flow. */
const WINDOW_SHARE = 1 / 4
/** Longer than a slow computer takes to carry that share, so that a stream that flows there is not told of chunk by chunk. */
const WITHIN_MS = 100

/**
 * Says how much of a stream has been taken. An acknowledgement is a small message that goes through two agents and the mesh, so not every chunk gets
 * one: a stream that flows is told of by quarters of its window, the last of it shortly afterwards.
 */
export class Acknowledger {
  readonly #everyBytes: number
  readonly #tell: (offset: number) => void
  #told = 0
  #taken = 0
  #timer: NodeJS.Timeout | undefined

  constructor(windowBytes: number, tell: (offset: number) => void) {
    this.#everyBytes = windowBytes * WINDOW_SHARE
    this.#tell = tell
  }

  /** All below this offset has been taken. */
  taken(offset: number): void {
    this.#taken = offset
    if (offset - this.#told >= this.#everyBytes) this.#say()
    else this.#timer ??= setTimeout(() => this.#say(), WITHIN_MS)
  }

  #say(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#told = this.#taken
    this.#tell(this.#taken)
  }
}
