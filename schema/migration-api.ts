import * as z from 'zod'
import { jobIdSchema } from './job.ts'
import { migrationReportSchema } from './migration.ts'
import { nodeIdSchema } from './node-state.ts'

/** Requests of the local API about moving jobs. `migrate` answers with a line for each step and at last with its report. */
export const migrationRequestSchemas = [
  z.strictObject({
    request: z.literal('migrate'),
    job: jobIdSchema,
    /** A node, the job's home, or another node. */
    to: z.union([nodeIdSchema, z.enum(['home', 'best'])]),
  }),
] as const

export const migrationResultSchemas = {
  migrate: z.union([z.strictObject({ progress: z.string() }), z.strictObject({ report: migrationReportSchema })]),
} as const
