import * as z from 'zod'
import { nodeIdSchema } from './node-state.ts'

/** What a node tells of its load: in gossip datagrams, in `plump nodes` and in recorded decisions. */

/** Speed of the standard CPU; the seed's unit, in which `mosctl setspeed` and `getspeed` count. */
export const STANDARD_SPEED = 10_000
/** The largest speed that can be set: ten thousand standard CPUs. */
export const SPEED_LIMIT = 100_000_000

/** The largest load that travels, in standard CPUs' worth of runnable processes. */
export const LOAD_LIMIT = 655.35

export const loadEntrySchema = z.strictObject({
  id: nodeIdSchema,
  cpus: z.int().min(1).max(0xffff),
  /** Speed of one CPU; {@link STANDARD_SPEED} is the standard CPU. */
  speed: z.int().min(1).max(0xffff_ffff),
  /** The exported view: runnable processes per CPU of standard speed. */
  load: z.number().min(0).max(LOAD_LIMIT),
  /** Jobs that are here or about to arrive. */
  jobs: z.int().min(0).max(0xffff),
  memoryTotalKiB: z.int().min(0).max(0xffff_ffff),
  /** What a job that arrives could have without anything being swapped out; reservations are taken off. */
  memoryFreeKiB: z.int().min(0).max(0xffff_ffff),
  /** Percent of the CPUs' time that was used. */
  utilisation: z.int().min(0).max(100),
  /** Whether jobs may leave this node by themselves. */
  gives: z.boolean(),
  /** Whether guests may come. */
  takes: z.boolean(),
  /** A digest of the CPU's features: jobs move freely between nodes that have the same. */
  cpuClass: z.int().min(0).max(0xffff_ffff),
})
export type LoadEntry = z.output<typeof loadEntrySchema>

/** A load figure with how old it is, by the clock of the node that holds it. */
export const seenLoadSchema = loadEntrySchema.extend({ ageMs: z.number().min(0) })
export type SeenLoad = z.output<typeof seenLoadSchema>
