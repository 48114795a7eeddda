import type { Duplex } from 'node:stream'
import * as z from 'zod'
import type { NodeId } from '../../schema/node-state.ts'
import { peerAnswerSchema, type PeerAnswer, type PeerHeader } from '../../schema/peer.ts'
import { NodeError } from '../api/node-error.ts'
import { readFirstLine } from './first-line.ts'

export const ANSWER_LIMIT_BYTES = 8 * 1024 * 1024
const ANSWER_LIMIT_MS = 10_000
/** Nobody has so much to tell; a node that tells without end is given up. */
const PROGRESS_LIMIT_LINES = 1_000

export interface CallOptions {
  /** For the answer, or the next word about how it goes on. */
  limitMs?: number
  progress?: (text: string) => void
}

/** Waits for the answer to the request that the channel's header carried, and closes the channel. */
export async function askPeer(stream: Duplex, node: NodeId, { limitMs = ANSWER_LIMIT_MS, progress }: CallOptions = {}): Promise<unknown> {
  try {
    for (let lines = 0; lines <= PROGRESS_LIMIT_LINES; lines++) {
      const line = await readFirstLine(stream, ANSWER_LIMIT_BYTES, limitMs).catch((error: Error) => {
        throw new NodeError('PEER_UNREACHABLE', `node ${node} did not answer: ${error.message}`, 'see whether it is alive with: plump nodes')
      })
      const answer = parseAnswer(line)
      if (answer === undefined) break
      if ('error' in answer) throw new NodeError(answer.error.code, answer.error.message, answer.error.fix)
      if ('result' in answer) return answer.result
      progress?.(answer.progress)
    }
    throw new NodeError('PEER_SPEAKS_OTHERWISE', `node ${node} gave an answer that is none`, 'boot all nodes from images of one version')
  } finally {
    stream.destroy()
  }
}

/** Answers one request; `progress` tells the caller how it goes on. A NodeError reaches the caller as it is. */
export type CallAnswer<Request> = (request: Request, from: NodeId, progress: (text: string) => void) => Promise<unknown>

/** Answers the request in `header`, then closes the channel. */
export function answerCall<Request>(
  stream: Duplex, from: NodeId, header: PeerHeader, schema: z.ZodType<Request>,
  answer: CallAnswer<Request>, reportBug: (error: unknown) => void,
): void {
  const say = (answered: PeerAnswer): void => void stream.write(`${JSON.stringify(answered)}\n`)
  const reply = async (): Promise<PeerAnswer> => {
    try {
      const request = schema.safeParse(header['request'])
      if (!request.success) throw new NodeError('BAD_REQUEST', `${header.channel}: ${z.prettifyError(request.error).replace(/\s*\n\s*/g, ' ')}`, 'boot all nodes from images of one version')
      return { result: (await answer(request.data, from, (progress) => say({ progress: progress.slice(0, 4096) }))) ?? null }
    } catch (error) {
      if (error instanceof NodeError) return { error: { code: error.code, message: error.message.slice(0, 4096), fix: error.fix.slice(0, 4096) } }
      reportBug(error)
      return { error: { code: 'BUG', message: `the agent failed to answer: ${String(error)}`.slice(0, 4096), fix: 'this is a bug in Plump; please report it with the last lines of plump log' } }
    }
  }
  // What the caller sends besides is nothing to us, but unread bytes would reset the connection under the answer.
  stream.resume()
  void reply().then((answered) => {
    say(answered)
    stream.end()
  })
}

function parseAnswer(line: string): PeerAnswer | undefined {
  try {
    return peerAnswerSchema.safeParse(JSON.parse(line)).data
  } catch {
    return undefined
  }
}
