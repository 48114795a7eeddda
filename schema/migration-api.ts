import * as z from 'zod'
import { jobNameSchema } from './job.ts'
import { migrationReportSchema, testMoveReportSchema } from './migration.ts'
import { nodeIdSchema } from './node-state.ts'

/** Requests of the local API about moving jobs. `testmove` dumps a job and lets it go on. `migrate` answers with a line for each step and at last with its report. */
export const migrationRequestSchemas = [
  z.strictObject({
    request: z.literal('migrate'),
    job: jobNameSchema,
    /** A node, the job's home, or another node. */
    to: z.union([nodeIdSchema, z.enum(['home', 'best'])]),
  }),
  z.strictObject({ request: z.literal('testmove'), job: jobNameSchema }),
] as const

export const migrationResultSchemas = {
  migrate: z.union([z.strictObject({ progress: z.string() }), z.strictObject({ report: migrationReportSchema })]),
  testmove: testMoveReportSchema,
} as const
