import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { encodeFrame, frameSplitter, type Frame } from '../peers/frames.ts'
import type { JobClient } from './home-job.ts'
import { decodeData, decodePosition, encodeData, encodePosition, FRAME, type StreamNumber } from './link.ts'
import { StreamReceiver } from './streams.ts'

/** A log that grows beyond this becomes FILE.1, so that at most twice this much of a job's output is kept. */
const LOG_PART_LIMIT_BYTES = 4 * 1024 * 1024

/**
 * The user's end of a background job: keeps its output in a file of `data` frames, so that both streams stay in their order and the offsets
 * that a restarted agent goes on from stand in the file itself. Its stdin is empty.
 */
export function openOutputLog(file: string, toJob: (frame: Frame) => void): JobClient {
  mkdirSync(dirname(file), { recursive: true })
  const receivers = offsetsIn(file)
  const reply = (kind: number, stream: StreamNumber, offset: number): void => toJob({ kind, body: encodePosition(stream, offset) })

  const client: JobClient = {
    send(kind, ...body) {
      client.pass({ kind, body: Buffer.concat(body) })
    },
    pass({ kind, body }) {
      if (kind === FRAME.hello) {
        for (const [stream, receiver] of receivers) reply(FRAME.resume, stream, receiver.nextOffset)
        reply(FRAME.end, 0, 0)
      } else if (kind === FRAME.data) {
        const { stream, ...chunk } = decodeData(body)
        const receiver = receivers.get(stream)
        const fresh = receiver?.take(chunk)
        if (receiver === undefined || fresh === undefined) return
        append(file, stream, receiver.nextOffset - fresh.length, fresh)
        reply(FRAME.ack, stream, receiver.nextOffset)
      }
    },
    close: () => undefined,
  }
  return client
}

function append(file: string, stream: StreamNumber, offset: number, bytes: Buffer): void {
  if (bytes.length === 0) return
  appendFileSync(file, encodeFrame(FRAME.data, ...encodeData(stream, { offset, bytes })), { mode: 0o600 })
  if (statSync(file).size > LOG_PART_LIMIT_BYTES) renameSync(file, `${file}.1`)
}

function offsetsIn(file: string): Map<StreamNumber, StreamReceiver> {
  const next = new Map<StreamNumber, number>([[1, 0], [2, 0]])
  for (const { body } of readOutputLog(file)) {
    const { stream, offset, bytes } = decodeData(body)
    next.set(stream, Math.max(next.get(stream) ?? 0, offset + bytes.length))
  }
  return new Map([...next].map(([stream, offset]) => [stream, new StreamReceiver(offset)]))
}

/** The frames of a log, oldest first; an unfinished last one, left by a crash, is left out. */
export function readOutputLog(file: string): Frame[] {
  return [`${file}.1`, file].filter((part) => existsSync(part)).flatMap((part) => frameSplitter()(readFileSync(part)))
}

/** Where in its stream each output of the log begins: above 0 when the oldest part was dropped. */
export function firstOffsets(frames: readonly Frame[]): Map<StreamNumber, number> {
  const first = new Map<StreamNumber, number>()
  for (const { body } of frames) {
    const { stream, offset } = decodePosition(body)
    if (!first.has(stream)) first.set(stream, offset)
  }
  return first
}
