import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import * as z from 'zod'
import { jobRequestSchema, JOB_REQUEST_LIMIT_BYTES, type JobRequest } from '../../schema/job-api.ts'
import { NodeError } from '../api/node-error.ts'
import type { Log } from '../log.ts'
import { readFirstLine } from '../peers/first-line.ts'
import { CallerProof, type Caller } from './caller.ts'

const CLIENTS_LIMIT = 2_048
const REQUEST_LIMIT_MS = 10_000

/** A request of a proven caller and the connection it came on. */
export interface JobClientRequest {
  request: JobRequest
  caller: Caller
  socket: Socket
  /** Answers; for what goes on, frames follow on the socket, otherwise end it. */
  answer(result: unknown): void
}

/** Serves the socket for jobs (schema/job-api.ts). `serve` answers a request, or throws a NodeError, of which the caller is told. */
export function listenForJobs(paths: { socket: string; claims: string }, serve: (request: JobClientRequest) => Promise<void>, log: Log): Server {
  const proof = new CallerProof(paths.claims)
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    handle(socket, proof, serve).catch((error: unknown) => {
      if (!(error instanceof NodeError)) log.warn(`bug: ${error instanceof Error ? error.stack : String(error)}`)
      socket.end(`${JSON.stringify({ error: asAnswer(error) })}\n`)
    })
  })
  server.maxConnections = CLIENTS_LIMIT
  rmSync(paths.socket, { force: true })
  server.listen(paths.socket, () => chmodSync(paths.socket, 0o666))
  server.on('error', (error) => log.warn(`cannot listen on ${paths.socket}: ${error.message}`))
  return server
}

async function handle(socket: Socket, proof: CallerProof, serve: (request: JobClientRequest) => Promise<void>): Promise<void> {
  const challenge = proof.challenge()
  socket.write(`${JSON.stringify({ prove: challenge })}\n`)
  const line = await readFirstLine(socket, JOB_REQUEST_LIMIT_BYTES, REQUEST_LIMIT_MS).catch(() => undefined)
  if (line === undefined) return void socket.destroy()
  const caller = proof.verify(challenge)
  await serve({ request: parseRequest(line), caller, socket, answer: (result) => void socket.write(`${JSON.stringify({ result })}\n`) })
}

function parseRequest(line: string): JobRequest {
  try {
    const parsed = jobRequestSchema.safeParse(JSON.parse(line))
    if (parsed.success) return parsed.data
    throw new NodeError('BAD_REQUEST', z.prettifyError(parsed.error).replace(/\s*\n\s*/g, ' '), 'schema/job-api.ts has the requests and their fields')
  } catch (error) {
    if (error instanceof NodeError) throw error
    throw new NodeError('BAD_JSON', 'a request is one JSON object on one line', 'send for example {"request":"list"}')
  }
}

function asAnswer(error: unknown): { code: string; message: string; fix: string } {
  if (error instanceof NodeError) return { code: error.code, message: error.message, fix: error.fix }
  return { code: 'BUG', message: `the agent failed to answer: ${String(error)}`, fix: 'this is a bug in Plump; please report it with the last lines of plump log' }
}
