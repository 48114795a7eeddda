import type { ApiRequest, ApiRequestName, ApiResults } from '../../schema/api.ts'
import type { AgentContext } from '../capability.ts'
import { followLog, readLogTail } from './log-file.ts'
import { NodeError } from './node-error.ts'
import { nodeMembers, nodeStatus, statusState } from './node-status.ts'
import { readProcFigures } from './proc-figures.ts'

/**
 * Answers one kind of request by `send`: once or, for what goes on, until `ended` fires. Throws NodeError for what the client is told.
 * A capability that answers requests exports them as {@link ApiAnswers} and main hands them to the API.
 */
export type ApiAnswer<Name extends ApiRequestName> = (
  request: Extract<ApiRequest, { request: Name }>, send: (result: ApiResults[Name]) => void, ended: AbortSignal,
) => void | Promise<void>
export type ApiAnswers = { [Name in ApiRequestName]: ApiAnswer<Name> }

/** Everything the API can tell from the state alone, and the log. */
export function stateAnswers({ config, state }: AgentContext, paths: { logFile?: string; procFolder?: string }): Partial<ApiAnswers> {
  return {
    status: (_, send) => send(nodeStatus(config, statusState(state), readProcFigures(paths.procFolder))),
    nodes: (_, send) => send(nodeMembers(statusState(state))),
    nics: (_, send) => send([...state.get('nics')]),
    leases: (_, send) => send([...state.get('leases')]),
    loads: (_, send) => send(state.get('loads')),
    log: async (request, send, ended) => {
      const file = paths.logFile ?? '/var/log/plump.log'
      const tail = await readLogTail(file, request.lines)
      send(tail.lines)
      if (request.follow) await followLog(file, tail.endBytes, ended, send)
    },
  }
}

/** Has the right one of `answers` answer; throws NodeError NOT_YET when nobody serves the request yet. */
export async function answerRequest(answers: Partial<ApiAnswers>, request: ApiRequest, send: (result: unknown) => void, ended: AbortSignal): Promise<void> {
  const answer = answers[request.request] as ApiAnswer<ApiRequestName> | undefined
  if (!answer) throw new NodeError('NOT_YET', `the node does not answer "${request.request}" yet`, 'try again when plump status says ready; it tells what the node waits for')
  await answer(request, send, ended)
}
