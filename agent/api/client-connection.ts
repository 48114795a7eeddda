import type { Socket } from 'node:net'
import * as z from 'zod'
import { apiRequestSchema } from '../../schema/api.ts'
import type { ApiAnswer, ApiError, ApiRequest } from '../../schema/api.ts'
import { lineSplitter } from '../os/line-splitter.ts'
import { NodeError } from './node-error.ts'

export const REQUEST_LIMIT_BYTES = 8 * 1024
const PENDING_REQUESTS_LIMIT = 16
const UNREAD_ANSWERS_LIMIT_BYTES = 4 * 1024 * 1024
const IDLE_LIMIT_MS = 30_000
const CUT_OFF_LIMIT_MS = 2_000

/** Answers one request by `send`: once or, for what goes on, until `ended` fires. Throws NodeError for what the client is told. */
export type AnswerRequest = (request: ApiRequest, send: (result: unknown) => void, ended: AbortSignal) => Promise<void>

/**
 * Speaks the API's protocol (schema/api.ts) with one client: one request after the other, each answered or refused with a
 * reason. `reportBug` hears of failures that are no NodeError. A client that breaks a limit is told so and cut off.
 */
export function serveClient(socket: Socket, answerRequest: AnswerRequest, reportBug: (error: unknown) => void): void {
  const ended = new AbortController()
  const split = lineSplitter(REQUEST_LIMIT_BYTES)
  let refused = false
  let pending = 0
  let work = Promise.resolve()

  const send = (answer: ApiAnswer): void => {
    if (!socket.writable) return
    socket.write(`${JSON.stringify(answer)}\n`)
    // Somebody who follows the log and stops reading must not fill the agent's memory.
    if (socket.writableLength > UNREAD_ANSWERS_LIMIT_BYTES) socket.destroy()
  }
  const refuse = (code: string, message: string, fix: string): void => {
    refused = true
    ended.abort()
    cutOff(socket, { code, message, fix })
  }
  const serveLine = async (line: string): Promise<void> => {
    if (refused || line.trim() === '') return
    try {
      await answerRequest(parseRequest(line), (result) => send({ result }), ended.signal)
    } catch (error) {
      if (!(error instanceof NodeError)) reportBug(error)
      send({ error: asApiError(error) })
    }
  }
  const takeLines = (lines: readonly string[]): void => {
    for (const line of lines) {
      if (pending === PENDING_REQUESTS_LIMIT) {
        const message = `more than ${PENDING_REQUESTS_LIMIT} requests wait for their answer`
        return refuse('TOO_MANY_REQUESTS', message, 'read each answer before the next request')
      }
      pending += 1
      work = work.then(() => serveLine(line)).finally(() => { pending -= 1 })
    }
  }

  socket.on('data', (piece) => {
    if (refused) return
    const result = split(Buffer.from(piece))
    if (result.state === 'lines') takeLines(result.lines)
    else refuse('REQUEST_TOO_LONG', `a request may have ${REQUEST_LIMIT_BYTES} bytes`, 'send one JSON object per line')
  })
  // A client may close its side after its last request and still read the answers; only what goes on for ever ends then.
  socket.on('end', () => {
    ended.abort()
    void work.then(() => socket.end())
  })
  socket.on('close', () => ended.abort())
  socket.on('error', () => socket.destroy())
  socket.setTimeout(IDLE_LIMIT_MS, () => { if (pending === 0) socket.destroy() })
}

/**
 * Tells a client why it is not served, and ends the connection. What it still sends is read and dropped for a moment: closing on
 * unread bytes would reset the connection and the reason would be lost.
 */
export function cutOff(socket: Socket, error: ApiError): void {
  socket.end(`${JSON.stringify({ error } satisfies ApiAnswer)}\n`)
  socket.resume()
  const limit = setTimeout(() => socket.destroy(), CUT_OFF_LIMIT_MS)
  socket.on('close', () => clearTimeout(limit))
}

function parseRequest(line: string): ApiRequest {
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch {
    throw new NodeError('BAD_JSON', 'a request is one JSON object on one line', 'send for example {"request":"status"}')
  }
  const parsed = apiRequestSchema.safeParse(json)
  if (parsed.success) return parsed.data
  const names = apiRequestSchema.options.map((option) => option.shape.request.value).join(', ')
  const message = z.prettifyError(parsed.error).replace(/\s*\n\s*/g, ' ')
  throw new NodeError('BAD_REQUEST', message, `the requests are ${names}; schema/api.ts has their fields`)
}

function asApiError(error: unknown): ApiError {
  if (error instanceof NodeError) return { code: error.code, message: error.message, fix: error.fix }
  const fix = 'this is a bug in Plump; please report it with the last lines of plump log'
  return { code: 'BUG', message: `the agent failed to answer: ${String(error)}`, fix }
}
