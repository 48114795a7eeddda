import { writeSync } from 'node:fs'

type OutputStream = typeof process.stdout | typeof process.stderr

/** This process's stdout or stderr, for what a job writes. */
export class JobOutput {
  readonly #stream: OutputStream
  readonly #gone: () => void
  #isGone = false
  #queued = 0

  /** @param gone called once, when nobody can read it any more */
  constructor(stream: OutputStream, gone: () => void) {
    this.#stream = stream
    this.#gone = gone
    stream.removeAllListeners('error').on('error', () => this.#lose())
  }

  /** Whether all has been written that ever will be. */
  get isDone(): boolean {
    return this.#queued === 0 || this.#isGone
  }

  /**
   * Writes bytes, which are the caller's again when this returns; `written` is called when they are with whoever reads. As long as there is room they go
   * to the kernel at once: by node's streams that takes twice the time.
   */
  write(bytes: Buffer, written: () => void): void {
    const rest = this.#isGone ? NOTHING : this.#queued > 0 ? bytes : this.#writeNow(bytes)
    if (rest.length === 0) return written()
    this.#queued += 1
    this.#stream.write(Buffer.from(rest), () => {
      this.#queued -= 1
      written()
    })
  }

  /** Gives what there is no room for. */
  #writeNow(bytes: Buffer): Buffer {
    let done = 0
    try {
      while (done < bytes.length) done += writeSync(this.#stream.fd, bytes, done)
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return bytes.subarray(done)
      this.#lose()
    }
    return NOTHING
  }

  #lose(): void {
    if (this.#isGone) return
    this.#isGone = true
    this.#gone()
  }
}

const NOTHING = Buffer.alloc(0)
