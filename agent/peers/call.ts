import type { Duplex } from 'node:stream'
import * as z from 'zod'
import type { NodeId } from '../../schema/node-state.ts'
import { peerAnswerSchema, type PeerAnswer, type PeerHeader } from '../../schema/peer.ts'
import { NodeError } from '../api/node-error.ts'
import { readFirstLine } from './first-line.ts'

export const ANSWER_LIMIT_BYTES = 8 * 1024 * 1024
const ANSWER_LIMIT_MS = 10_000

/** Waits for the one answer to the request that the channel's header carried, and closes the channel. */
export async function askPeer(stream: Duplex, node: NodeId, limitMs = ANSWER_LIMIT_MS): Promise<unknown> {
  try {
    const line = await readFirstLine(stream, ANSWER_LIMIT_BYTES, limitMs).catch((error: Error) => {
      throw new NodeError('PEER_UNREACHABLE', `node ${node} did not answer: ${error.message}`, 'see whether it is alive with: plump nodes')
    })
    const answer = parseAnswer(line)
    if (answer === undefined) throw new NodeError('PEER_SPEAKS_OTHERWISE', `node ${node} gave an answer that is none`, 'boot all nodes from images of one version')
    if ('error' in answer) throw new NodeError(answer.error.code, answer.error.message, answer.error.fix)
    return answer.result
  } finally {
    stream.destroy()
  }
}

/** Answers the request in `header`, then closes the channel. */
export function answerCall<Request>(
  stream: Duplex, from: NodeId, header: PeerHeader, schema: z.ZodType<Request>,
  answer: (request: Request, from: NodeId) => Promise<unknown>, reportBug: (error: unknown) => void,
): void {
  const reply = async (): Promise<PeerAnswer> => {
    try {
      const request = schema.safeParse(header['request'])
      if (!request.success) throw new NodeError('BAD_REQUEST', `${header.channel}: ${z.prettifyError(request.error).replace(/\s*\n\s*/g, ' ')}`, 'boot all nodes from images of one version')
      return { result: (await answer(request.data, from)) ?? null }
    } catch (error) {
      if (error instanceof NodeError) return { error: { code: error.code, message: error.message.slice(0, 4096), fix: error.fix.slice(0, 4096) } }
      reportBug(error)
      return { error: { code: 'BUG', message: `the agent failed to answer: ${String(error)}`.slice(0, 4096), fix: 'this is a bug in Plump; please report it with the last lines of plump log' } }
    }
  }
  // What the caller sends besides is nothing to us, but unread bytes would reset the connection under the answer.
  stream.resume()
  void reply().then((answered) => stream.end(`${JSON.stringify(answered)}\n`))
}

function parseAnswer(line: string): PeerAnswer | undefined {
  try {
    return peerAnswerSchema.safeParse(JSON.parse(line)).data
  } catch {
    return undefined
  }
}
