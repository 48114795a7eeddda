import * as z from 'zod'

/** The cluster key in change: what nodes tell each other of it through the mesh, and what a node tells of it to its users. */

const clusterKeyText = z.base64().length(44)
/** A year, in milliseconds: nobody wants to wait longer, and it keeps sums exact. */
const MAX_MS = 366 * 86_400_000

/** One member's view of a rotation, told to another. `ageMs` is null before it has begun. */
export const rotationCallSchema = z.strictObject({
  newest: clusterKeyText,
  old: clusterKeyText,
  ageMs: z.number().min(0).max(MAX_MS).nullable(),
  periodMs: z.number().positive().max(MAX_MS),
})
export type RotationCall = z.output<typeof rotationCallSchema>

/** `over`: the one asked has nothing but the newest key. */
export const rotationAnswerSchema = z.discriminatedUnion('state', [
  z.strictObject({ state: z.literal('over') }),
  z.strictObject({ state: z.literal('rotating'), ageMs: z.number().min(0).max(MAX_MS).nullable(), periodMs: z.number().positive().max(MAX_MS) }),
])
export type RotationAnswer = z.output<typeof rotationAnswerSchema>

/** `plump key status --json`. A fingerprint is what discovery announces; the key cannot be had back from it. */
export const keyStatusSchema = z.discriminatedUnion('state', [
  z.strictObject({ state: z.literal('one-key'), fingerprint: z.string() }),
  z.strictObject({
    /** waiting: no other member is there yet; spreading: the old key is spoken; retiring: the new one is spoken and the old one still understood. */
    state: z.enum(['waiting', 'spreading', 'retiring']),
    fingerprint: z.string(),
    oldFingerprint: z.string(),
    /** Until the next state; absent while waiting. */
    secondsLeft: z.number().int().nonnegative().optional(),
  }),
])
export type KeyStatus = z.output<typeof keyStatusSchema>

export const keyRequestSchemas = [z.strictObject({ request: z.literal('key-status') })] as const
export const keyResultSchemas = { 'key-status': keyStatusSchema }
