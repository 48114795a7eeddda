import * as z from 'zod'
import { cpuFeaturesSchema } from './cpu-features.ts'
import { jobIdSchema, jobSchema, jobSpecSchema } from './job.ts'
import { nodeIdSchema } from './node-state.ts'

/** What agents say to each other while a job moves. */

/** TCP on the mesh: pages go straight from the source's CRIU to the target's page server. */
export const PAGES_PORT = 4661

const epochSchema = z.int().min(1).max(2 ** 31)

/** The call `migrate-home`: to the job's home (agent/migration/commit-machine.ts ToHome). */
export const toHomeSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('begin'), epoch: epochSchema, to: nodeIdSchema, attempt: z.int().min(0) }),
  z.strictObject({ type: z.literal('commit'), epoch: epochSchema, next: epochSchema }),
  z.strictObject({ type: z.literal('withdraw'), epoch: epochSchema, next: epochSchema }),
  z.strictObject({ type: z.literal('hold'), epoch: epochSchema }),
  z.strictObject({ type: z.literal('absent'), epoch: epochSchema }),
  z.strictObject({ type: z.literal('ask'), next: epochSchema }),
])
export const homeCallSchema = z.strictObject({ job: jobIdSchema, message: toHomeSchema })

/** Home's answer to the caller, and what it pushes by the call `migrate-copy`. */
export const fromHomeSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('granted'), epoch: epochSchema, next: epochSchema, attempt: z.int() }),
  z.strictObject({ type: z.literal('refused'), epoch: epochSchema, attempt: z.int() }),
  z.strictObject({ type: z.literal('withdrawn'), next: epochSchema }),
  z.strictObject({ type: z.literal('committed'), next: epochSchema }),
  z.strictObject({ type: z.literal('aborted'), next: epochSchema }),
  z.strictObject({ type: z.literal('check'), epoch: epochSchema }),
  z.strictObject({ type: z.literal('stale'), epoch: epochSchema }),
])
export const homeAnswerSchema = z.strictObject({ messages: z.array(fromHomeSchema).max(4) })
export const copyCallSchema = z.strictObject({ job: jobIdSchema, message: fromHomeSchema })

/** The call `migrate-order`: home asks the node that holds a job to move it. */
export const orderSchema = z.strictObject({ job: jobIdSchema, to: z.union([nodeIdSchema, z.literal('best')]) })

/** The call `migrate-test`: home asks the node that holds a job whether it could be dumped. */
export const testOrderSchema = z.strictObject({ job: jobIdSchema })

/** Header of the channel `migrate`, from source to target: may this job come? */
export const offerSchema = z.looseObject({
  next: epochSchema,
  record: z.strictObject({ job: jobSchema, spec: jobSpecSchema }),
  needs: cpuFeaturesSchema,
  memoryBytes: z.int().min(0),
})
export type Offer = z.output<typeof offerSchema>

const outputSchema = z.strictObject({ offset: z.int().min(0), unacknowledged: z.base64().max(2 ** 21), gone: z.boolean() })
/** Where the job's streams stand; bytes as base64. */
export const streamsSchema = z.strictObject({
  stdin: z.strictObject({ offset: z.int().min(0), unread: z.base64().max(2 ** 21), ended: z.boolean() }),
  stdout: outputSchema,
  stderr: outputSchema,
})

/** Most images of a job are files of some hundred bytes, and the job stands still while they travel: those up to this size go together, pages of jobs that go at once among them. */
export const SMALL_FILE_BYTES = 512 * 1024
export const SMALL_FILES_TOGETHER = 1_000

/** A job's pages come in as many rounds, the last one included. */
export const ROUNDS_LIMIT = 9

/** Of a job's mounts, as many are named before it moves. */
export const MOUNTS_LIMIT = 1_000

/** A descriptor that the node hands to the job, and what criu calls it. */
const handedOverSchema = z.strictObject({ descriptor: z.int().min(0).max(9), key: z.string().regex(/^(?:pipe|tty):?\[[0-9a-f:]+\]$/) })
const mountsSchema = z.array(z.string().min(1).max(4_096)).max(MOUNTS_LIMIT)
/** The job is about to stand still: what a restore of it needs to know besides the images. */
const lastRoundSchema = z.strictObject({ round: z.int().min(1).max(ROUNDS_LIMIT), mounts: mountsSchema, handedOver: z.array(handedOverSchema).max(8) })
export type LastRound = z.output<typeof lastRoundSchema>

const imageNameSchema = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.img$/)

/** Orders of the source, one frame each. */
export const sourceOrderSchema = z.discriminatedUnion('do', [
  /** Get everything ready: it has these of its node's mounts now, and is to find the like of them. */
  z.strictObject({ do: z.literal('prepare'), mounts: mountsSchema }),
  /** Listen for pages: each connection brings those of a round, in the order of the rounds. */
  z.strictObject({ do: z.literal('receive') }),
  /** The last round: the job stands still. When no pages were to be received, it goes at once, and its pages come with the other images, as files. */
  z.strictObject({ do: z.literal('stand-still'), ...lastRoundSchema.shape }),
  z.strictObject({ do: z.literal('file'), name: imageNameSchema, bytes: z.int().min(0).max(256 * 1024 * 1024) }),
  /** Files whose bytes come together, in one frame. */
  z.strictObject({ do: z.literal('small-files'), files: z.array(z.strictObject({ name: imageNameSchema, bytes: z.int().min(0).max(SMALL_FILE_BYTES) })).min(1).max(SMALL_FILES_TOGETHER) }),
  z.strictObject({ do: z.literal('restore'), streams: streamsSchema }),
  z.strictObject({ do: z.literal('take-over') }),
  z.strictObject({ do: z.literal('discard') }),
])
export type SourceOrder = z.output<typeof sourceOrderSchema>

/** Answers of the target, one frame each, in the order of the orders that have one. */
export const targetAnswerSchema = z.discriminatedUnion('is', [
  z.strictObject({ is: z.literal('welcome') }),
  z.strictObject({ is: z.literal('listening') }),
  z.strictObject({ is: z.literal('restored') }),
  z.strictObject({ is: z.literal('failed'), code: z.string().max(64), why: z.string().max(2_000) }),
])
export type TargetAnswer = z.output<typeof targetAnswerSchema>

/** What `plump testmove` found of a job that can be dumped. */
export const testMoveReportSchema = z.strictObject({
  job: jobIdSchema, node: nodeIdSchema,
  /** How long the job stood while all of it was dumped; a move copies most of it before. */
  freezeMs: z.int(),
  /** How long until it ran again, once it was said that it is to: what giving up a move costs beyond the time it had stood until then. */
  resumeMs: z.int(),
  /** Size of all images. */
  bytes: z.int(),
})
export type TestMoveReport = z.output<typeof testMoveReportSchema>

export const migrationReportSchema = z.strictObject({
  job: jobIdSchema, from: nodeIdSchema, to: nodeIdSchema,
  /** Of pre-copy, while the job ran. */
  rounds: z.int(),
  /** Of the job, over the wire: its pages in all rounds, and its images. */
  bytes: z.int(),
  /** How long its processes stood, by criu's clock: from the moment it stopped them until it ended the copy that was left behind. */
  freezeMs: z.int(),
  /** From the offer to the target until the copy that was left behind is ended. */
  totalMs: z.int(),
  why: z.string(),
})
export type MigrationReport = z.output<typeof migrationReportSchema>
