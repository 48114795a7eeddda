import * as z from 'zod'
import { macAddress } from './network.ts'

/**
 * What a node gives to the cluster and takes from it (openMosix HOWTO 3.4). `full`: both. `server`: takes guests, its own jobs stay. `workstation`: its jobs may
 * go, no guest comes. `adaptive`: full while it is in the pool, neither while it is out.
 */
export const POOL_ROLES = ['full', 'server', 'workstation', 'adaptive'] as const
export const poolRoleSchema = z.enum(POOL_ROLES)
export type PoolRole = z.output<typeof poolRoleSchema>

export const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const
const DAY = DAYS.join('|')
/** `mon-fri 19:00-07:00`, `sat 00:00-24:00`, `mon,wed 20:00-22:30`. */
export const WINDOW = new RegExp(`^(?:${DAY})(?:[-,](?:${DAY}))* (?:[01]\\d|2[0-4]):[0-5]\\d-(?:[01]\\d|2[0-4]):[0-5]\\d$`)

export const poolSchema = z.strictObject({
  role: poolRoleSchema.default('full').describe('what nodes give and take: full (both), server (takes guests, its own jobs stay), workstation (gives its jobs, takes no guest), adaptive (full while in the pool, neither while out)'),
  roles: z.array(z.strictObject({
    mac: macAddress.describe('of any network card of the node'),
    role: poolRoleSchema.describe('the role of this node instead'),
  })).max(1_024).default([]).describe('nodes with another role than pool.role'),
  schedule: z.array(z.string().regex(WINDOW, 'days and times as in "mon-fri 19:00-07:00"')).max(32).default([])
    .describe('when adaptive nodes are in the pool, as in "mon-fri 19:00-07:00"; a window that ends before it begins goes on into the next day; none: always'),
  timeZone: z.string().max(64).refine(isTimeZone, 'a time zone as in Europe/Berlin').default('UTC').describe('time zone of the schedule'),
  idle: z.strictObject({
    minutes: z.number().min(0).max(1_440).default(0).describe('minutes without a key on console, serial line or ssh before an adaptive node joins; 0: do not look'),
    load: z.number().min(0.01).max(64).default(0.3).describe('CPUs in use by other programs than jobs above which an adaptive node counts as used'),
  }).prefault({}),
})
export type PoolConfig = z.output<typeof poolSchema>

/** What holds a node in the pool or out of it. */
export const poolStateSchema = z.strictObject({
  role: poolRoleSchema,
  /** `leaving`: guests are on their way home. */
  state: z.enum(['in', 'leaving', 'out']),
  /** For people: why it is so. */
  why: z.string(),
  /** Its jobs may go to other nodes by themselves. */
  gives: z.boolean(),
  /** Guests may come. */
  takes: z.boolean(),
})
export type PoolState = z.output<typeof poolStateSchema>
export const FULL_MEMBER: PoolState = { role: 'full', state: 'in', why: 'by its role', gives: true, takes: true }

/** `join` and `leave` hold until the next one, or `auto`, which leaves it to role, schedule and use. */
export const poolOrderSchema = z.enum(['join', 'leave', 'auto'])
export type PoolOrder = z.output<typeof poolOrderSchema>

export const poolRequestSchemas = [
  z.strictObject({
    request: z.literal('pool'),
    order: poolOrderSchema.optional(),
    /** For the guests to get home; the answer comes then at the latest. */
    limitSeconds: z.int().min(1).max(3_600).default(300),
    /** Only guests go home, and this node's own jobs stay where they are: it shuts down. */
    forShutdown: z.boolean().default(false),
  }),
] as const

export const poolReportSchema = poolStateSchema.extend({
  /** Jobs that are at home now, and those that did not get there, with the reason. */
  moved: z.array(z.string()),
  staying: z.array(z.strictObject({ job: z.string(), why: z.string() })),
})
export type PoolReport = z.output<typeof poolReportSchema>

export const poolResultSchemas = { pool: poolReportSchema } as const

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
