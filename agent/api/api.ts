import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { dirname } from 'node:path'
import type { ApiRequest, ApiResults } from '../../schema/api.ts'
import type { AgentContext, Capability } from '../capability.ts'
import { submitClusterKey } from '../members/cluster-key.ts'
import { cutOff, serveClient } from './client-connection.ts'
import type { AnswerRequest } from './client-connection.ts'
import { followLog, readLogTail } from './log-file.ts'
import { NodeError } from './node-error.ts'
import { nodeMembers, nodeStatus, statusState } from './node-status.ts'
import { readProcFigures } from './proc-figures.ts'

const CLIENTS_LIMIT = 32
const LISTEN_RETRY_MS = 2_000

/** Takes a typed cluster key over; gives the reason when it is none. */
export type SubmitKey = typeof submitClusterKey

export interface ApiOptions {
  submitKey?: SubmitKey
  socketPath?: string
  logFile?: string
  procFolder?: string
}

/**
 * Serves the local API (schema/api.ts) on a Unix socket that only root may use. A socket file that a crashed agent left
 * is replaced; when another agent answers on it, this one says so and tries again until the other is gone.
 */
export function startApi(context: AgentContext, options: ApiOptions = {}): Capability {
  const socketPath = options.socketPath ?? '/run/plump/agent.sock'
  const log = context.log.named('api')
  const clients = new Set<Socket>()
  let retry: NodeJS.Timeout | undefined
  let stopped = false

  const server = createServer({ allowHalfOpen: true }, (socket) => {
    if (clients.size >= CLIENTS_LIMIT) {
      socket.on('error', () => socket.destroy())
      const message = `${CLIENTS_LIMIT} programs use the agent already`
      return cutOff(socket, { code: 'TOO_MANY_CLIENTS', message, fix: 'end some of them (plump log -f?), then try again' })
    }
    clients.add(socket)
    socket.on('close', () => clients.delete(socket))
    const answer: AnswerRequest = (request, send, ended) => answerRequest(context, options, request, send, ended)
    serveClient(socket, answer, (error) => log.warn(`bug: ${String(error)}`))
  })

  const listen = (): void => {
    if (!stopped) server.listen(socketPath)
  }
  server.on('listening', () => {
    chmodSync(socketPath, 0o660)
    context.state.setWaiting('api', undefined)
    log.info(`listening on ${socketPath}`)
  })
  server.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') {
      log.warn(`cannot listen on ${socketPath}: ${error.message}`)
      retry = setTimeout(listen, LISTEN_RETRY_MS)
      return
    }
    ifNobodyAnswers(socketPath, (stale) => {
      if (stopped) return
      if (stale) {
        rmSync(socketPath, { force: true })
        return listen()
      }
      log.warn(`another agent answers on ${socketPath}`)
      const fix = 'end one of them; init starts the agent again by itself'
      context.state.setWaiting('api', { for: 'the local socket, which another agent holds', fix })
      retry = setTimeout(listen, LISTEN_RETRY_MS)
    })
  })

  mkdirSync(dirname(socketPath), { recursive: true })
  listen()
  return {
    stop() {
      stopped = true
      clearTimeout(retry)
      server.close()
      for (const client of clients) client.destroy()
    },
  }
}

type Send = (result: ApiResults[ApiRequest['request']]) => void

async function answerRequest(context: AgentContext, options: ApiOptions, request: ApiRequest, send: Send, ended: AbortSignal): Promise<void> {
  const { state } = context
  switch (request.request) {
    case 'status': return send(nodeStatus(context.config, statusState(state), readProcFigures(options.procFolder)))
    case 'nodes': return send(nodeMembers(statusState(state)))
    case 'nics': return send([...state.get('nics')])
    case 'leases': return send([...state.get('leases')])
    case 'log': return answerLog(options.logFile ?? '/var/log/plump.log', request, send, ended)
    case 'submit-key': return send(submitKey(options.submitKey ?? submitClusterKey, request.text))
  }
}

async function answerLog(file: string, request: Extract<ApiRequest, { request: 'log' }>, send: Send, ended: AbortSignal): Promise<void> {
  const tail = await readLogTail(file, request.lines)
  send(tail.lines)
  if (request.follow) await followLog(file, tail.endBytes, ended, send)
}

function submitKey(submit: SubmitKey, text: string): ApiResults['submit-key'] {
  const verdict = submit(text)
  if (verdict.accepted) return { accepted: true }
  throw new NodeError('KEY_REFUSED', verdict.why, 'type the key again with plump key enter; ./plump key show on the build machine tells it')
}

function ifNobodyAnswers(socketPath: string, then: (stale: boolean) => void): void {
  const probe = connect(socketPath)
  probe.on('connect', () => {
    probe.destroy()
    then(false)
  })
  probe.on('error', () => then(true))
}
