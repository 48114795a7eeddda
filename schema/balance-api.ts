import * as z from 'zod'
import { judgementSchema } from './decision.ts'
import { jobNameSchema } from './job.ts'
import { loadEntrySchema, seenLoadSchema, SPEED_LIMIT } from './load.ts'
import { memberSchema, nodeIdSchema } from './node-state.ts'

/** Requests of the local API that the balancer answers, and their results. */

/** Speeds that can be set, by tune and by mosctl setspeed alike. */
export const setSpeedSchema = z.int().min(1).max(SPEED_LIMIT)

export const balanceRequests = [
  z.strictObject({ request: z.literal('loads') }),
  z.strictObject({ request: z.literal('why'), job: jobNameSchema }),
  /** The last decisions. */
  z.strictObject({ request: z.literal('decisions') }),
  z.strictObject({ request: z.literal('replay-decisions'), file: z.string().startsWith('/').max(4_096) }),
  /** A number sets the speed, `measure` measures it anew, `measured` goes back to what was measured. */
  z.strictObject({ request: z.literal('set-speed'), speed: z.union([setSpeedSchema, z.enum(['measure', 'measured'])]) }),
] as const

/** What this node knows of loads. */
export const loadsSchema = z.object({
  /** This node as it tells of itself; absent before its first look. */
  self: loadEntrySchema.optional(),
  /** This node's own view of its load: rises slowly, falls at once. */
  ownLoad: z.number(),
  /** What was measured of its CPU; absent until then. Its speed in use is `self.speed`. */
  measuredSpeed: z.int().optional(),
  /** What moves from this node cost, by those of late: a fixed part, and the speed of what is sent. Absent before its first look. */
  moves: z.object({ overheadMs: z.number().min(0), transferKiBps: z.number().min(1) }).optional(),
  /** Every other node that was heard of, with the age of its figures. */
  others: z.array(seenLoadSchema),
})
export type Loads = z.output<typeof loadsSchema>

export const whySchema = z.object({
  node: nodeIdSchema,
  /** When it was decided. */
  time: z.iso.datetime(),
  judgement: judgementSchema,
  /** The judgement as a sentence. */
  text: z.string(),
})
export type Why = z.output<typeof whySchema>

export const speedSchema = z.object({ speed: z.int() })

export const replaySchema = z.object({
  decisions: z.int(),
  /** Times of those that come out otherwise. */
  differing: z.array(z.string()),
})

export const balanceResultSchemas = {
  'loads': loadsSchema, 'why': whySchema, 'decisions': z.array(whySchema), 'replay-decisions': replaySchema, 'set-speed': speedSchema,
} as const

/** `plump nodes --json`: a member with its load, as far as it is known. */
export const nodeRowSchema = memberSchema.extend({
  speed: z.int().optional(),
  load: z.number().optional(),
  jobs: z.int().optional(),
  memoryTotalKiB: z.int().optional(),
  memoryFreeKiB: z.int().optional(),
  utilisation: z.int().optional(),
  takes: z.boolean().optional(),
  /** How old these figures are; 0 for this node's own. */
  ageMs: z.number().optional(),
})
export type NodeRow = z.output<typeof nodeRowSchema>

/** What balancing nodes ask of each other (channel `balance`). */
export const balanceCallSchema = z.discriminatedUnion('do', [
  z.strictObject({
    do: z.literal('reserve'),
    job: z.string().max(64),
    kind: z.enum(['move', 'start']),
    load: z.number().min(0),
    rssKiB: z.number().min(0),
    assumedLoad: z.number().min(0),
    forMemory: z.boolean(),
  }),
  z.strictObject({ do: z.literal('renew'), job: z.string().max(64) }),
  /** The place is not needed any more: the job is there, or does not come. */
  z.strictObject({ do: z.literal('release'), job: z.string().max(64) }),
])
export type BalanceCall = z.output<typeof balanceCallSchema>

export const reservationAnswerSchema = z.union([
  z.strictObject({ granted: z.literal(true) }),
  z.strictObject({ granted: z.literal(false), why: z.string().max(200), load: z.number() }),
])
