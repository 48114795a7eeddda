import * as z from 'zod'
import { loadEntrySchema } from './load.ts'
import { nodeIdSchema } from './node-state.ts'

/**
 * What a node decides by, and what it decided: once a second, logged as it was, so that `plump why` can explain it and
 * `plump decisions --replay` can do it again.
 */

export const JOBS_LIMIT = 4_096
export const NODES_LIMIT = 64

/** Nodes a job may run on: `only` these, or all but these (`never`). */
export const nodeMaskSchema = z.strictObject({ mode: z.enum(['only', 'never']), nodes: z.array(nodeIdSchema).max(1_024) })
export type NodeMask = z.output<typeof nodeMaskSchema>

export const decisionJobSchema = z.strictObject({
  id: z.string().max(64),
  home: nodeIdSchema,
  /** Processes of the job that can run, on average: the CPUs it would take if they were free. */
  runnable: z.number().min(0),
  rssKiB: z.number().min(0),
  /** Since it started. */
  ageMs: z.number().min(0),
  /** Since it started here or arrived here. */
  residentMs: z.number().min(0),
  /** The node it came from by its last move. */
  cameFrom: nodeIdSchema.optional(),
  /** How long it stood still in its last move; 0 when it never moved. */
  lastFreezeMs: z.number().min(0),
  /** Why it cannot be moved at all. */
  cantmove: z.string().max(200).optional(),
  /** Somebody said that it stays where it is. */
  locked: z.boolean(),
  mask: nodeMaskSchema.optional(),
  /** CPU features it started with; only nodes of this class are tried by themselves. */
  cpuClass: z.int().min(0).max(0xffff_ffff),
})
export type DecisionJob = z.output<typeof decisionJobSchema>

export const decisionInputSchema = z.strictObject({
  node: nodeIdSchema,
  /** For the order in which equal nodes are tried. */
  seed: z.int().min(0).max(0xffff_ffff),
  clusterSize: z.int().min(1),
  own: z.strictObject({
    /** The node's own view. */
    load: z.number().min(0),
    cpus: z.int().min(1),
    speed: z.int().min(1),
    memoryTotalKiB: z.number().min(0),
    memoryFreeKiB: z.number().min(0),
    swapOutKiBps: z.number().min(0),
    /** Share of the last second in which some process waited for memory (PSI). */
    memoryStallShare: z.number().min(0).max(1),
  }),
  rules: z.strictObject({
    /** No job leaves by itself. */
    stay: z.boolean(),
    /** Jobs whose home is here do not leave by themselves. */
    lstay: z.boolean(),
    /** Load is neither gathered nor told: nothing is decided. */
    quiet: z.boolean(),
  }),
  /** Moves from here that are under way. */
  leaving: z.int().min(0),
  /** After a refusal: how long this node still waits before it tries again. */
  backoffMs: z.number().min(0),
  /** Nodes that refused or failed a move a short time ago. */
  refused: z.array(nodeIdSchema).max(NODES_LIMIT),
  /** Measured in the last moves, else what a quick network gives. */
  transferKiBps: z.number().min(1),
  /** What a move costs besides the transfer. */
  moveOverheadMs: z.number().min(0),
  jobs: z.array(decisionJobSchema).max(JOBS_LIMIT),
  nodes: z.array(loadEntrySchema).max(NODES_LIMIT),
  /** How old the figures of each of `nodes` are. A column of its own, so that the figures need not be copied each second. */
  agesMs: z.array(z.number().min(0)).max(NODES_LIMIT),
}).refine(({ nodes, agesMs }) => nodes.length === agesMs.length, 'as many ages as nodes')
export type DecisionInput = z.output<typeof decisionInputSchema>

/** The figures behind a move, or behind the best one that was not made. */
export const weighingSchema = z.strictObject({
  target: nodeIdSchema,
  loadHere: z.number(),
  loadHereAfter: z.number(),
  loadThere: z.number(),
  loadThereAfter: z.number(),
  /** What this node's cost falls by, in the units of the cost function. */
  saving: z.number(),
  /** What the target's cost rises by. */
  marginalCost: z.number(),
  moveMs: z.number(),
  /** The move itself in the same units. */
  moveCost: z.number(),
})
export type Weighing = z.output<typeof weighingSchema>

export const STAY_REASONS = [
  'quiet', 'stay', 'lstay', 'leaving', 'backoff', 'cantmove', 'locked', 'resident', 'idle', 'no-nodes', 'no-target', 'no-gain', 'not-worth-it', 'another-first',
] as const

export const judgementSchema = z.discriminatedUnion('verdict', [
  z.strictObject({ verdict: z.literal('move'), job: z.string(), cause: z.enum(['cpu', 'memory']), weighing: weighingSchema }),
  z.strictObject({ verdict: z.literal('stays'), job: z.string(), why: z.enum(STAY_REASONS), detail: z.string().optional(), weighing: weighingSchema.optional() }),
])
export type Judgement = z.output<typeof judgementSchema>
export type Move = Extract<Judgement, { verdict: 'move' }>
export type StayReason = (typeof STAY_REASONS)[number]

export const decisionSchema = z.strictObject({
  /** At most one move; what is said of every job, this one included. */
  move: judgementSchema.optional(),
  judgements: z.array(judgementSchema),
})

/** A line of the decision log. */
export const decisionRecordSchema = z.strictObject({
  time: z.iso.datetime(),
  input: decisionInputSchema,
  judgements: z.array(judgementSchema).max(JOBS_LIMIT),
})
export type DecisionRecord = z.output<typeof decisionRecordSchema>
