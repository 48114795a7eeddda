import { connect } from 'node:net'
import type { ApiAnswer, ApiRequest, ApiRequestName, ApiResults } from '../../schema/api.ts'
import { NodeError } from '../api/node-error.ts'

const ANSWER_LIMIT_MS = 10_000
const ANSWER_LIMIT_CHARS = 16 * 1024 * 1024

/** A request as it may be written, with defaulted fields left out. */
type RequestFields<Name extends ApiRequestName> = Partial<Omit<Extract<ApiRequest, { request: Name }>, 'request'>>

/** Asks the agent one thing, with `limitMs` for its answer. Throws NodeError: the agent's own refusal, AGENT_UNREACHABLE or AGENT_SILENT. */
export async function ask<Name extends ApiRequestName>(
  socketPath: string, request: Name, fields: RequestFields<Name> = {}, limitMs = ANSWER_LIMIT_MS,
): Promise<ApiResults[Name]> {
  const results: ApiResults[Name][] = []
  await converse(socketPath, { request, ...fields }, limitMs, (result) => {
    results.push(result as ApiResults[Name])
    return 'enough'
  })
  const [result] = results
  if (result === undefined) throw silent()
  return result
}

/** Asks for what goes on; `take` gets each answer until the agent ends. Throws as {@link ask} does. */
export function follow<Name extends ApiRequestName>(
  socketPath: string, request: Name, fields: RequestFields<Name>, take: (result: ApiResults[Name]) => void,
): Promise<void> {
  return converse(socketPath, { request, ...fields }, 0, (result) => {
    take(result as ApiResults[Name])
    return 'more'
  })
}

/** Asks for what takes long and tells of its steps; `take` says which answer is the last. Throws as {@link ask} does. */
export function askForSteps<Name extends ApiRequestName>(
  socketPath: string, request: Name, fields: RequestFields<Name>, take: (result: ApiResults[Name]) => 'more' | 'enough',
): Promise<void> {
  return converse(socketPath, { request, ...fields }, 0, (result) => take(result as ApiResults[Name]))
}

/**
 * Answers are taken as the types of schema/api.ts say, without running its schemas: the agent that writes them comes in the same
 * archive as this program and owns the socket, and loading zod would double the time each command takes to start.
 */
function converse(socketPath: string, request: object, limitMs: number, take: (result: unknown) => 'more' | 'enough'): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath)
    let text = ''
    const fail = (error: Error): void => {
      socket.destroy()
      reject(error)
    }
    socket.setEncoding('utf8')
    socket.setTimeout(limitMs, () => fail(silent()))
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`))
    socket.on('error', (error: NodeJS.ErrnoException) => fail(unreachable(socketPath, error)))
    socket.on('close', () => resolve())
    socket.on('data', (piece: string) => {
      const lines = (text + piece).split('\n')
      text = lines.pop() ?? ''
      if (text.length > ANSWER_LIMIT_CHARS) return fail(notTheAgent(socketPath))
      for (const line of lines) {
        const answer = parseAnswer(line)
        if (answer === undefined) return fail(notTheAgent(socketPath))
        if ('error' in answer) return fail(new NodeError(answer.error.code, answer.error.message, answer.error.fix))
        if (take(answer.result) === 'enough') return void socket.destroy()
      }
    })
  })
}

function parseAnswer(line: string): ApiAnswer | undefined {
  try {
    const answer: unknown = JSON.parse(line)
    if (typeof answer !== 'object' || answer === null) return undefined
    return 'result' in answer || 'error' in answer ? answer as ApiAnswer : undefined
  } catch {
    return undefined
  }
}

function notTheAgent(socketPath: string): NodeError {
  return new NodeError('NOT_THE_AGENT', `what answers on ${socketPath} is not the agent`, 'unset PLUMP_SOCKET, or give it the agent\'s socket')
}

function unreachable(socketPath: string, error: NodeJS.ErrnoException): NodeError {
  if (error.code === 'EACCES') {
    return new NodeError('NOT_ALLOWED', `only root may talk to the agent (${socketPath})`, 'run it as root')
  }
  const message = `the agent does not answer on ${socketPath} (${error.code ?? error.message}); it runs the node's network and members`
  return new NodeError('AGENT_UNREACHABLE', message, 'init starts it again within 10 s; if not, see why with: tail /var/log/plump.log')
}

function silent(): NodeError {
  const message = 'the agent took the request but did not answer in time'
  return new NodeError('AGENT_SILENT', message, 'see what it does with: tail /var/log/plump.log')
}
