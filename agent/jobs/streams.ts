/**
 * A byte stream between a job and its user that survives lost connections and moves of the job: every byte has an offset, what was not yet
 * acknowledged is kept, and after a break both ends agree on the offset to go on from. So nothing is lost and nothing comes twice.
 */

/** Output of a job that its user has not acknowledged, kept per stream; a job that writes more waits. */
export const OUTPUT_WINDOW_BYTES = 1024 * 1024
/** Input that the job's node has not acknowledged yet; beyond it, stdin is not read. */
export const INPUT_WINDOW_BYTES = 256 * 1024

/** In the place of an offset to go on from: the agent was started anew and does not know; go on behind what was acknowledged. */
export const UNKNOWN_OFFSET = Number.MAX_SAFE_INTEGER

/** Bytes of a stream and the offset of the first of them. */
export interface Chunk {
  offset: number
  bytes: Buffer
}

/** The sending end: keeps what is not acknowledged. */
export class StreamSender {
  readonly windowBytes: number
  #chunks: Chunk[] = []
  #acked: number
  #next: number
  /** Offset unknown (the agent was started anew): the other end's first word sets it. */
  #adopts: boolean
  #ended = false

  /** @param from offset of the next byte, or `adopt`: whatever the other end expects. */
  constructor(windowBytes: number, from: number | 'adopt' = 0) {
    this.windowBytes = windowBytes
    this.#adopts = from === 'adopt'
    this.#acked = this.#next = from === 'adopt' ? 0 : from
  }

  /** Whether more may be taken: the source is read only while there is room. */
  get hasRoom(): boolean {
    return this.#next - this.#acked < this.windowBytes
  }

  /** The offset behind the last byte. */
  get nextOffset(): number {
    return this.#next
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Takes bytes from the source and gives what is to be sent. */
  push(bytes: Buffer): Chunk {
    const chunk = { offset: this.#next, bytes }
    this.#chunks.push(chunk)
    this.#next += bytes.length
    return chunk
  }

  /** The source has ended: nothing follows. */
  end(): void {
    this.#ended = true
  }

  /** All below `offset` has been taken by the other end. Throws RangeError for an offset that was never sent. */
  acknowledge(offset: number): void {
    if (offset > this.#next) throw new RangeError(`${offset} acknowledged, ${this.#next} sent`)
    if (offset <= this.#acked) return
    this.#acked = offset
    while (this.#chunks[0] !== undefined && this.#chunks[0].offset + this.#chunks[0].bytes.length <= offset) this.#chunks.shift()
    const [first] = this.#chunks
    if (first !== undefined && first.offset < offset) this.#chunks[0] = { offset, bytes: first.bytes.subarray(offset - first.offset) }
  }

  /** The other end expects `offset` next: gives all that is to be sent (again). Throws RangeError when that is not kept. */
  resumeFrom(expected: number): readonly Chunk[] {
    const offset = expected === UNKNOWN_OFFSET ? this.#acked : expected
    if (this.#adopts) {
      this.#adopts = false
      this.#chunks = this.#chunks.map((chunk) => ({ ...chunk, offset: chunk.offset + offset }))
      this.#acked += offset
      this.#next += offset
    }
    if (offset < this.#acked) throw new RangeError(`${offset} expected, but all below ${this.#acked} was acknowledged`)
    this.acknowledge(offset)
    return this.#chunks
  }

  /** What is kept, in one piece: for handing the stream over to another sender that starts at {@link StreamSender.ackedOffset}. */
  kept(): Buffer {
    return Buffer.concat(this.#chunks.map(({ bytes }) => bytes))
  }

  get ackedOffset(): number {
    return this.#acked
  }
}

/** The receiving end: hands on each byte once. */
export class StreamReceiver {
  #next: number

  constructor(from = 0) {
    this.#next = from
  }

  /** The offset of the byte that is expected next. */
  get nextOffset(): number {
    return this.#next
  }

  /** Gives what of a chunk is new. Throws RangeError when bytes before it are missing. */
  take(chunk: Chunk): Buffer {
    if (chunk.offset > this.#next) throw new RangeError(`bytes ${this.#next} to ${chunk.offset} are missing`)
    const fresh = chunk.bytes.subarray(Math.min(this.#next - chunk.offset, chunk.bytes.length))
    this.#next += fresh.length
    return fresh
  }
}
