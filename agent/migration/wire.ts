import { createReadStream, readFileSync, statSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { SMALL_FILE_BYTES, SMALL_FILES_TOGETHER, sourceOrderSchema, targetAnswerSchema, type SourceOrder, type TargetAnswer } from '../../schema/migration.ts'
import { NodeError } from '../api/node-error.ts'
import { encodeFrame, FRAME_LIMIT_BYTES, frameSplitter, type Frame } from '../peers/frames.ts'

/** The channel `migrate` between source and target: JSON frames, and raw frames with the bytes of a file behind the order that names it. */
const KIND = { json: 1, bytes: 2 } as const
const QUEUE_LIMIT_FRAMES = 64

interface FileToSend {
  name: string
  bytes: number
}

/** Files in groups that each fit a frame. */
function inFrames(files: readonly FileToSend[]): FileToSend[][] {
  const groups: FileToSend[][] = []
  let room = 0
  for (const file of files) {
    const group = groups.at(-1)
    if (group === undefined || file.bytes > room || group.length === SMALL_FILES_TOGETHER) {
      groups.push([file])
      room = FRAME_LIMIT_BYTES - file.bytes
    } else {
      group.push(file)
      room -= file.bytes
    }
  }
  return groups
}

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

  /** Sends files of a folder, each behind the order that names it, the small ones together. Gives the bytes of all. Throws NodeError TARGET_GONE. */
  async sendFiles(folder: string, names: readonly string[]): Promise<number> {
    const files = names.map((name) => ({ name, bytes: statSync(`${folder}/${name}`).size }))
    const small = files.filter(({ bytes }) => bytes <= SMALL_FILE_BYTES)
    for (const files of inFrames(small)) {
      this.order({ do: 'small-files', files })
      await this.#write(encodeFrame(KIND.bytes, ...files.map(({ name }) => readFileSync(`${folder}/${name}`))))
    }
    for (const { name, bytes } of files.filter((file) => !small.includes(file))) {
      this.order({ do: 'file', name, bytes })
      for await (const piece of createReadStream(`${folder}/${name}`)) await this.#write(encodeFrame(KIND.bytes, piece as Buffer))
    }
    return files.reduce((sum, { bytes }) => sum + bytes, 0)
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
    if (!frame) throw targetGone()
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

  /** Waits until there is room for more. */
  async #write(frame: Buffer): Promise<void> {
    if (!this.#stream.write(frame) && !this.#closed) {
      await new Promise<void>((resolve) => {
        const goOn = (): void => {
          this.#stream.off('drain', goOn).off('close', goOn)
          resolve()
        }
        this.#stream.on('drain', goOn).on('close', goOn)
      })
    }
    // A stream that has been closed takes no bytes, and says no more of it.
    if (this.#closed) throw targetGone()
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

function targetGone(): NodeError {
  return new NodeError('TARGET_GONE', 'the connection to the target ended', 'see whether it is alive with: plump nodes')
}
