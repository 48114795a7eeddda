import * as z from 'zod'

/** The first line of a connection between two agents (agent/peers): one JSON object that names the channel; what else is in it belongs to the channel. */
export const PEER_PORT = 4660
export const PEER_HEADER_LIMIT_BYTES = 64 * 1024

export const peerHeaderSchema = z.looseObject({ channel: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/) })
export type PeerHeader = z.output<typeof peerHeaderSchema>

/** A line of the answer to a call: the last has the result or the error, those before tell how it goes on. */
export const peerAnswerSchema = z.union([
  z.strictObject({ progress: z.string().max(4096) }),
  z.strictObject({ result: z.unknown() }),
  z.strictObject({ error: z.strictObject({ code: z.string().max(64), message: z.string().max(4096), fix: z.string().max(4096) }) }),
])
export type PeerAnswer = z.output<typeof peerAnswerSchema>
