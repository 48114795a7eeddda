import * as z from 'zod'
import { cantmoveSchema, jobIdSchema, jobSchema, jobSpecSchema, signalSchema } from './job.ts'

/** JSON bodies of what travels between the node that holds a job, its home and the mosrun that waits for it (agent/jobs/link.ts). */

/** `group`: what a terminal's keys reach, the foreground process group; `main`: the command alone; `all`: each process. */
export const signalRequestSchema = z.strictObject({ signal: signalSchema, to: z.enum(['group', 'main', 'all']) })
export type SignalRequest = z.output<typeof signalRequestSchema>

export const windowSizeSchema = z.strictObject({ rows: z.int().min(0).max(65_535), columns: z.int().min(0).max(65_535) })
export type WindowSize = z.output<typeof windowSizeSchema>

export const suspendSchema = z.strictObject({ stopped: z.boolean() })

/** What a job uses, as the node that holds it tells its home. */
export const jobFiguresSchema = z.strictObject({
  cpuSeconds: z.number().min(0),
  memoryBytes: z.int().min(0),
  processes: z.int().min(0),
  stopped: z.boolean(),
  niceness: z.int(),
  cantmove: cantmoveSchema.optional(),
})
export type JobFigures = z.output<typeof jobFiguresSchema>

/** Header of the channel `job-link`, which the node that holds a job opens to the job's home. */
export const jobLinkHeaderSchema = z.looseObject({ job: jobIdSchema, epoch: z.int().min(1) })

/** The call `job-start`: run this job of yours for me. */
export const jobStartRequestSchema = z.strictObject({ job: jobSchema, spec: jobSpecSchema })
export type JobStartRequest = z.output<typeof jobStartRequestSchema>

/** The call `job-control`: what the home asks of the node that holds a job. */
export const jobControlRequestSchema = z.discriminatedUnion('do', [
  z.strictObject({ do: z.literal('signal'), job: jobIdSchema, request: signalRequestSchema }),
  z.strictObject({ do: z.literal('renice'), job: jobIdSchema, niceness: z.int().min(-20).max(19) }),
])
export type JobControlRequest = z.output<typeof jobControlRequestSchema>
