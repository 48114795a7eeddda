import * as z from 'zod'
import { balanceRequests, balanceResultSchemas } from './balance-api.ts'
import { adminRequestSchemas, adminResultSchemas } from './admin-api.ts'
import { keyRequestSchemas, keyResultSchemas } from './key-api.ts'
import { migrationRequestSchemas, migrationResultSchemas } from './migration-api.ts'
import { networkRequestSchemas, networkResultSchemas } from './network-api.ts'
import { poolRequestSchemas, poolResultSchemas } from './pool.ts'
import { watchRequestSchemas, watchResultSchemas } from './watch.ts'
import { leaseSchema, memberSchema, nicReportSchema, nodeIdSchema, nodeStatusSchema } from './node-state.ts'

/**
 * The node's local API: newline-delimited JSON over the socket /run/plump/agent.sock. A client writes one request per
 * line and gets one answer per line, in the order of the requests; `log` with `follow` goes on answering until the client closes.
 */

export const LOG_LINES_LIMIT = 5_000
export const KEY_TEXT_LIMIT_CHARS = 1_024

export const apiRequestSchema = z.discriminatedUnion('request', [
  z.strictObject({ request: z.literal('status') }),
  z.strictObject({ request: z.literal('nodes') }),
  z.strictObject({ request: z.literal('nics') }),
  z.strictObject({ request: z.literal('leases') }),
  z.strictObject({
    request: z.literal('log'),
    /** How many of the last lines; the answer may hold fewer. */
    lines: z.int().min(0).max(LOG_LINES_LIMIT).default(100),
    follow: z.boolean().default(false),
  }),
  z.strictObject({
    request: z.literal('submit-key'),
    /** The cluster key as somebody typed it. */
    text: z.string().max(KEY_TEXT_LIMIT_CHARS),
  }),
  ...keyRequestSchemas,
  ...networkRequestSchemas,
  ...balanceRequests,
  ...adminRequestSchemas,
  ...poolRequestSchemas,
  ...watchRequestSchemas,
  ...migrationRequestSchemas,
])
export type ApiRequest = z.output<typeof apiRequestSchema>
export type ApiRequestName = ApiRequest['request']

/** What each request is answered with. */
export const apiResultSchemas = {
  status: nodeStatusSchema,
  nodes: z.array(memberSchema),
  nics: z.array(nicReportSchema),
  leases: z.array(leaseSchema),
  log: z.array(z.string()),
  'submit-key': z.object({ accepted: z.literal(true) }),
  ...keyResultSchemas,
  ...networkResultSchemas,
  ...balanceResultSchemas,
  ...adminResultSchemas,
  ...poolResultSchemas,
  ...watchResultSchemas,
  ...migrationResultSchemas,
} as const satisfies Record<ApiRequestName, z.ZodType>
export type ApiResults = { [Name in ApiRequestName]: z.output<(typeof apiResultSchemas)[Name]> }

export const apiErrorSchema = z.object({ code: z.string(), message: z.string(), fix: z.string() })
export type ApiError = z.output<typeof apiErrorSchema>

export const apiAnswerSchema = z.union([z.strictObject({ result: z.unknown() }), z.strictObject({ error: apiErrorSchema })])
export type ApiAnswer = z.output<typeof apiAnswerSchema>

/** `plump log --json`: a line of the node's log taken apart; only `message` when a line is not in the log's own form. */
export const logEntrySchema = z.object({
  time: z.iso.datetime().optional(),
  level: z.enum(['info', 'warn']).optional(),
  capability: z.string().optional(),
  message: z.string(),
})
export type LogEntry = z.output<typeof logEntrySchema>

/** `showmap --json`: the seed's map; each entry stands for `count` ids from `base` on, here always one. */
export const clusterMapSchema = z.object({
  myNodeId: nodeIdSchema,
  map: z.array(z.object({ base: nodeIdSchema, address: z.ipv4(), count: z.literal(1) })),
})
export type ClusterMap = z.output<typeof clusterMapSchema>

/** `plump help --json`: the verbs, or the one that was asked for. */
export const verbListSchema = z.array(z.object({
  name: z.string(),
  usage: z.string(),
  summary: z.string(),
  details: z.string(),
  /** What each option does, by its long name. */
  options: z.record(z.string(), z.string()),
}))
export type VerbList = z.output<typeof verbListSchema>

/** `plump version --json` */
export const versionSchema = z.object({ version: z.string(), imageId: z.string() })
export type Version = z.output<typeof versionSchema>
