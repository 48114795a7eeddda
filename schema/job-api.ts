import * as z from 'zod'
import { hintsSchema, jobNameSchema, jobSchema, jobSpecSchema, maskSchema, outcomeSchema, signalSchema } from './job.ts'
import { nodeIdSchema } from './node-state.ts'

/**
 * The socket for jobs, /run/plump/jobs.sock, which every user may use. On a new connection the agent writes a {@link challengeSchema} line; the
 * client makes the folder it names, which proves to the agent whose process it is, and writes one request line. The agent answers with one
 * line, `{"result":…}` or `{"error":…}`; for `run` in the foreground, `attach` and `logs` frames follow (agent/jobs/link.ts).
 */

export const JOB_REQUEST_LIMIT_BYTES = 4 * 1024 * 1024

export const challengeSchema = z.strictObject({ prove: z.string() })

/** How a job is to be placed and treated. */
export const jobOptionsSchema = z.strictObject({
  foreground: z.boolean(),
  /** The node to start on; `auto`: where it costs least by what is known of all loads; absent = where the caller is. */
  runOn: z.union([nodeIdSchema, z.literal('auto')]).optional(),
  lock: z.enum(['none', 'here', 'home']),
  mask: maskSchema,
  hints: hintsSchema,
})
export type JobOptions = z.output<typeof jobOptionsSchema>

const jobField = { job: jobNameSchema }

export const jobRequestSchema = z.discriminatedUnion('request', [
  z.strictObject({
    request: z.literal('run'),
    /** As whom it runs is proven, not said; the groups are those of them that are the caller's. */
    spec: jobSpecSchema.omit({ uid: true, gid: true }),
    options: jobOptionsSchema,
  }),
  z.strictObject({ request: z.literal('attach'), ...jobField }),
  z.strictObject({ request: z.literal('list') }),
  z.strictObject({ request: z.literal('show'), ...jobField }),
  z.strictObject({ request: z.literal('wait'), ...jobField }),
  z.strictObject({ request: z.literal('logs'), ...jobField, follow: z.boolean() }),
  z.strictObject({ request: z.literal('signal'), ...jobField, signal: signalSchema, to: z.enum(['main', 'all']) }),
  z.strictObject({ request: z.literal('renice'), ...jobField, niceness: z.int().min(-20).max(19) }),
  z.strictObject({ request: z.literal('lock'), ...jobField, lock: z.enum(['none', 'here', 'home']) }),
  z.strictObject({ request: z.literal('select'), ...jobField, node: nodeIdSchema }),
])
export type JobRequest = z.output<typeof jobRequestSchema>

/** What each request is answered with. */
export const jobResultSchemas = {
  run: jobSchema,
  attach: jobSchema,
  list: z.array(jobSchema),
  show: jobSchema,
  wait: outcomeSchema,
  logs: jobSchema,
  signal: jobSchema,
  renice: jobSchema,
  lock: jobSchema,
  select: jobSchema,
} as const satisfies Record<JobRequest['request'], z.ZodType>
export type JobResults = { [Name in JobRequest['request']]: z.output<(typeof jobResultSchemas)[Name]> }
