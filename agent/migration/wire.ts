import { createReadStream, readFileSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { sourceOrderSchema, targetAnswerSchema, type SourceOrder, type TargetAnswer } from '../../schema/migration.ts'
import { NodeError } from '../api/node-error.ts'
import { encodeFrame, frameSplitter, type Frame } from '../peers/frames.ts'

/** The channel `migrate` between source and target: JSON frames, and raw frames with the bytes of a file behind the order that names it. */
const KIND = { json: 1, bytes: 2 } as const
const QUEUE_LIMIT_FRAMES = 64
/** Most images of a job are files of some hundred bytes, and the job stands still while they travel: they are read and written at one go. */
export const SMALL_FILE_BYTES = 64 * 1024

/** A framed stream that is read one message at a time. */
export class MoveStream {
  readonly #stream: Duplex
  readonly #frames: Frame[] = []
  #wake: (() => void) | undefined
  #closed = false

  constructor(stream: Duplex) {
    this.#stream = stream
    const split = frameSplitter()
    stream.on('data', (piece: Buffer) => {
      try {
        this.#frames.push(...split(piece))
      } catch {
        stream.destroy()
      }
      if (this.#frames.length > QUEUE_LIMIT_FRAMES) stream.pause()
      this.#wake?.()
    })
    stream.on('error', () => stream.destroy())
    stream.on('close', () => {
      this.#closed = true
      this.#wake?.()
    })
    stream.resume()
  }

  get isClosed(): boolean {
    return this.#closed
  }

  order(order: SourceOrder): void {
    this.#stream.write(encodeFrame(KIND.json, Buffer.from(JSON.stringify(order))))
  }

  answer(answer: TargetAnswer): void {
    this.#stream.write(encodeFrame(KIND.json, Buffer.from(JSON.stringify(answer))))
  }

  /** Sends a file behind its order. */
  async sendFile(path: string, name: string, bytes: number): Promise<void> {
    this.order({ do: 'file', name, bytes })
    if (bytes <= SMALL_FILE_BYTES) return void (bytes > 0 && this.#stream.write(encodeFrame(KIND.bytes, readFileSync(path))))
    for await (const piece of createReadStream(path)) {
      if (!this.#stream.write(encodeFrame(KIND.bytes, piece as Buffer))) await new Promise((resolve) => this.#stream.once('drain', resolve).once('close', resolve))
    }
  }

  async nextOrder(): Promise<SourceOrder | undefined> {
    const frame = await this.#next(KIND.json)
    return frame && sourceOrderSchema.parse(JSON.parse(frame.body.toString('utf8')))
  }

  async nextBytes(): Promise<Buffer | undefined> {
    return (await this.#next(KIND.bytes))?.body
  }

  /** The target's next answer. Throws NodeError: its refusal, or TARGET_GONE. */
  async expect(is: TargetAnswer['is']): Promise<void> {
    const frame = await this.#next(KIND.json)
    if (!frame) throw new NodeError('TARGET_GONE', 'the connection to the target ended', 'see whether it is alive with: plump nodes')
    const answer = targetAnswerSchema.parse(JSON.parse(frame.body.toString('utf8')))
    if (answer.is === 'failed') throw new NodeError(answer.code, answer.why, 'the job goes on where it was; try another node')
    if (answer.is !== is) throw new NodeError('TARGET_SPEAKS_OTHERWISE', `the target said ${answer.is} where ${is} was due`, 'boot all nodes from images of one version')
  }

  close(): void {
    this.#stream.end()
  }

  /** The other node is dead: whoever waits for it hears of it. */
  destroy(): void {
    this.#stream.destroy()
  }

  /** Waits until the other end has closed it, or for this long. */
  async closed(limitMs: number): Promise<void> {
    if (this.#closed) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, limitMs)
      this.#stream.once('close', () => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  async #next(kind: number): Promise<Frame | undefined> {
    for (;;) {
      const frame = this.#frames.shift()
      if (frame) {
        this.#stream.resume()
        if (frame.kind !== kind) throw new RangeError(`a frame of kind ${frame.kind} where ${kind} was due`)
        return frame
      }
      if (this.#closed) return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}
