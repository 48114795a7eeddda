import { statSync } from 'node:fs'
import type { Socket } from 'node:net'
import { encodeFrame } from '../peers/frames.ts'
import type { HomeJob } from './home-job.ts'
import { decodeData, encodeJson, FRAME, type StreamNumber } from './link.ts'
import { readOutputLog } from './output-log.ts'
import { outputFile } from './places.ts'

const FOLLOW_PERIOD_MS = 200

/** Sends what is kept of a background job's output, as frames; with `follow`, also what is added until it ends, and then how it ended. */
export async function sendLogs(job: HomeJob, socket: Socket, follow: boolean): Promise<void> {
  const file = outputFile(job.job.id)
  const sent = new Map<StreamNumber, number>()
  let sizeBefore = -1
  socket.resume()
  while (!socket.destroyed) {
    // Looked at before the log is read: what a job wrote before its end is then surely in it.
    const outcome = job.job.outcome
    const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0
    if (size !== sizeBefore) await sendNew(file, sent, socket)
    sizeBefore = size
    if (outcome !== undefined) socket.write(encodeFrame(FRAME.outcome, encodeJson(outcome)))
    if (outcome !== undefined || !follow) break
    await new Promise((resolve) => setTimeout(resolve, FOLLOW_PERIOD_MS))
  }
  socket.end()
}

async function sendNew(file: string, sent: Map<StreamNumber, number>, socket: Socket): Promise<void> {
  for (const { body } of readOutputLog(file)) {
    const { stream, offset, bytes } = decodeData(body)
    if (offset < (sent.get(stream) ?? 0)) continue
    sent.set(stream, offset + bytes.length)
    if (!socket.write(encodeFrame(FRAME.data, body))) await drained(socket)
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('drain', resolve)
    socket.once('close', () => resolve())
  })
}
