import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { dirname } from 'node:path'
import type { AgentContext, Capability } from '../capability.ts'
import { cutOff, serveClient } from './client-connection.ts'
import { answerRequest, stateAnswers, type ApiAnswers } from './answers.ts'

const CLIENTS_LIMIT = 32
const LISTEN_RETRY_MS = 2_000

export interface ApiOptions {
  socketPath?: string
  logFile?: string
  procFolder?: string
}

export interface Api extends Capability {
  /** From now on these requests are answered by these functions; what nobody serves yet is refused with NOT_YET. */
  serve(answers: Partial<ApiAnswers>): void
}

/**
 * Serves the local API (schema/api.ts) on a Unix socket that only root may use: what can be read from the state by itself, the rest by what
 * the capabilities hand to `serve`. A socket file that a crashed agent left is replaced; when another agent answers on it, this one says so
 * and tries again until the other is gone.
 */
export function startApi(context: AgentContext, options: ApiOptions = {}): Api {
  let answers: Partial<ApiAnswers> = stateAnswers(context, options)
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
    serveClient(socket, (request, send, ended) => answerRequest(answers, request, send, ended), (error) => log.warn(`bug: ${String(error)}`))
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
    serve(more) {
      answers = { ...answers, ...more }
    },
    stop() {
      stopped = true
      clearTimeout(retry)
      server.close()
      for (const client of clients) client.destroy()
    },
  }
}

function ifNobodyAnswers(socketPath: string, then: (stale: boolean) => void): void {
  const probe = connect(socketPath)
  probe.on('connect', () => {
    probe.destroy()
    then(false)
  })
  probe.on('error', () => then(true))
}
