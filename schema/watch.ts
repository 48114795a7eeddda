import * as z from 'zod'
import { nodeIdSchema } from './node-state.ts'

/** What happens in the cluster, as `plump watch` tells it; `time` is by the clock of the node that tells. */

const time = z.iso.datetime()
const job = z.string().max(64)
const why = z.string().max(500)

export const watchEventSchema = z.discriminatedUnion('event', [
  /** A member came, failed or left, as the node sees it on which one watches. */
  z.strictObject({ event: z.literal('member'), time, node: nodeIdSchema, name: z.string().max(64), state: z.string().max(32) }),
  /** A job came to `to`, and stood still so long for it. */
  z.strictObject({ event: z.literal('move'), time, job, from: nodeIdSchema, to: nodeIdSchema, freezeMs: z.int().min(0) }),
  /** A job was placed on another node when it started (mosrun -j auto). */
  z.strictObject({ event: z.literal('start'), time, from: nodeIdSchema, to: nodeIdSchema }),
  /** A node did not take a job that was to move there. */
  z.strictObject({ event: z.literal('refusal'), time, job, from: nodeIdSchema, to: nodeIdSchema, why }),
  /** A move that had begun ended with the job where it was. */
  z.strictObject({ event: z.literal('failure'), time, job, from: nodeIdSchema, to: nodeIdSchema, why }),
  /** A node came into the pool, or went out of it. */
  z.strictObject({ event: z.literal('pool'), time, node: nodeIdSchema, state: z.enum(['in', 'leaving', 'out']), why }),
])
export type WatchEvent = z.output<typeof watchEventSchema>

/** Answers with events until the client closes; `all`: those of the other members too. */
export const watchRequestSchemas = [z.strictObject({ request: z.literal('watch'), all: z.boolean().default(true) })] as const
export const watchResultSchemas = { watch: watchEventSchema } as const
