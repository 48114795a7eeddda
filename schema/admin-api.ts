import * as z from 'zod'
import { jobIdSchema } from './job.ts'
import { setSpeedSchema } from './balance-api.ts'
import { STANDARD_SPEED } from './load.ts'
import { nodeIdSchema } from './node-state.ts'

/** What the administrator of a node says about jobs (mosctl, /hpc/admin), and the figures a node tells of itself. */

export const adminSettingsSchema = z.strictObject({
  /** No job leaves this node by itself. */
  stay: z.boolean(),
  /** Jobs whose home this is stay; guests may move on. */
  lstay: z.boolean(),
  /** No guest comes here. */
  block: z.boolean(),
  /** This node tells no load to others and asks for none. */
  quiet: z.boolean(),
  /** Speed of one CPU as the administrator says it is, in units of the standard CPU; null: as measured. */
  speed: setSpeedSchema.nullable(),
  /** The speed of the CPU by which mosctl tells speeds and loads (setyard). */
  yard: setSpeedSchema,
  /** How fast the past of jobs fades: what is left of it after an interval, in thousandths (setdecay). */
  decay: z.strictObject({ intervalSeconds: z.int().min(1).max(600), slow: z.int().min(1).max(999), fast: z.int().min(1).max(999) }),
})
export type AdminSettings = z.output<typeof adminSettingsSchema>

/** The decay is the seed's (openMosix HOWTO, table 8-2). */
export const DEFAULT_ADMIN_SETTINGS: AdminSettings = { stay: false, lstay: false, block: false, quiet: false, speed: null, yard: STANDARD_SPEED, decay: { intervalSeconds: 1, slow: 975, fast: 926 } }

export const nodeFiguresSchema = z.strictObject({
  id: nodeIdSchema,
  cpus: z.int().min(1),
  speed: z.int().min(1),
  /** Runnable processes per CPU of standard speed, as others are told it. */
  load: z.number().min(0),
  memoryTotalKiB: z.int().min(0),
  /** Not used by anything. */
  memoryFreeKiB: z.int().min(0),
  /** What programs could have without anything being swapped out. */
  memoryAvailableKiB: z.int().min(0),
  /** Percent of the CPUs' time used since it was asked last, or since boot. */
  utilisation: z.int().min(0).max(100),
  settings: adminSettingsSchema,
})
export type NodeFigures = z.output<typeof nodeFiguresSchema>

/** `bring`: this home's jobs come back from wherever they are. `expel`: guests here go home. */
export const homecomingWordSchema = z.enum(['bring', 'expel'])
export type HomecomingWord = z.output<typeof homecomingWordSchema>

export const homecomingSchema = z.strictObject({
  /** Jobs that are at home now. */
  moved: z.array(jobIdSchema),
  staying: z.array(z.strictObject({ job: jobIdSchema, code: z.string(), why: z.string() })),
})
export type Homecoming = z.output<typeof homecomingSchema>

/** Members named by hand (setpe): each with all its addresses. */
export const staticMembersSchema = z.array(z.strictObject({ id: nodeIdSchema.min(1), addresses: z.array(z.ipv4()).min(1).max(16) })).max(1_024)
export type StaticMembers = z.output<typeof staticMembersSchema>

export const adminRequestSchemas = [
  /** An empty list forgets them. */
  z.strictObject({ request: z.literal('set-map'), members: staticMembersSchema }),
  /** Answers with a line for each step, and at last with its report. */
  z.strictObject({ request: z.literal('homecoming'), word: homecomingWordSchema }),
  z.strictObject({ request: z.literal('admin'), change: adminSettingsSchema.partial().default({}) }),
  z.strictObject({ request: z.literal('figures'), node: nodeIdSchema.optional() }),
] as const

export const adminResultSchemas = {
  admin: adminSettingsSchema,
  figures: nodeFiguresSchema,
  'set-map': z.strictObject({ ownId: nodeIdSchema, members: staticMembersSchema }),
  homecoming: z.union([z.strictObject({ progress: z.string() }), z.strictObject({ report: homecomingSchema })]),
} as const
