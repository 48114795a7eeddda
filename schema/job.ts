import * as z from 'zod'
import { SIGNALS } from './job-signals.ts'
import { nodeIdSchema, type NodeId } from './node-state.ts'

/** Jobs: processes started with mosrun, wherever they run. */

/** Home node's id in hexadecimal and a number that the home counts up: `0adc-17`. */
export const jobIdSchema = z.string().regex(/^[0-9a-f]{4}-[1-9][0-9]{0,8}$/)
export type JobId = z.output<typeof jobIdSchema>

/** What people call a job: by its id, or on its home by its number alone. */
export const jobNameSchema = z.union([jobIdSchema, z.string().regex(/^[1-9][0-9]{0,8}$/)])
export type JobName = z.output<typeof jobNameSchema>

export function jobIdOf(home: NodeId, number: number): JobId {
  return `${home.toString(16).padStart(4, '0')}-${number}`
}

/** The job that is called so on a node. */
export function jobIdNamed(name: JobName, self: NodeId): JobId {
  return name.includes('-') ? name : jobIdOf(self, Number(name))
}

export const signalSchema = z.enum(SIGNALS)

/** How a job ended. `signal` is the number of the signal that killed its command; `lost` says why nobody knows. */
export const outcomeSchema = z.union([
  z.strictObject({ exit: z.int().min(0).max(255) }),
  z.strictObject({ signal: z.int().min(1).max(64) }),
  z.strictObject({ lost: z.string().max(500) }),
])
export type Outcome = z.output<typeof outcomeSchema>

/** Codes of reasons why a job stays where it is are stable; the sentence is for people. */
export const cantmoveSchema = z.strictObject({ code: z.string().max(64), sentence: z.string().max(500) })
export type Cantmove = z.output<typeof cantmoveSchema>

/** Hints of the seed's launchers (cpujob, iojob, nodecay, slowdecay, fastdecay), for whoever balances. */
export const hintsSchema = z.strictObject({
  kind: z.enum(['cpu', 'io']).optional(),
  decay: z.enum(['own', 'none', 'slow', 'fast']).optional(),
})

export type Hints = z.output<typeof hintsSchema>

/** Where a job may run besides its home: what the cluster mask and the list of allowed nodes come down to. */
export const maskSchema = z.discriminatedUnion('rule', [
  z.strictObject({ rule: z.literal('any') }),
  z.strictObject({ rule: z.literal('allow'), nodes: z.array(nodeIdSchema).max(4096) }),
  z.strictObject({ rule: z.literal('deny'), nodes: z.array(nodeIdSchema).max(4096) }),
])
export type Mask = z.output<typeof maskSchema>

export const limitsSchema = z.strictObject({
  memoryBytes: z.int().min(1024 * 1024).optional(),
  /** Processors' worth of time: 0.5 is half of one. */
  cpus: z.number().min(0.01).max(4096).optional(),
})
export type Limits = z.output<typeof limitsSchema>

const pathSchema = z.string().startsWith('/').max(4096)
const wordSchema = z.string().max(128 * 1024).refine((text) => !text.includes('\0'), 'a NUL in it')
export const COMMAND_WORDS_LIMIT = 4096
export const COMMAND_LIMIT_BYTES = 1024 * 1024

/** What is to run and as whom; it does not change any more once the job is started. */
export const jobSpecSchema = z.strictObject({
  command: z.array(wordSchema).min(1).max(COMMAND_WORDS_LIMIT),
  /** NAME=VALUE */
  environment: z.array(wordSchema.refine((text) => text.indexOf('=') > 0, 'no NAME=VALUE')).max(COMMAND_WORDS_LIMIT),
  directory: pathSchema,
  umask: z.int().min(0).max(0o777),
  uid: z.int().min(0),
  gid: z.int().min(0),
  groups: z.array(z.int().min(0)).max(256),
  /** `terminal`: stdin and stdout are a pseudo-terminal, and stderr too; `terminal-but-stderr`: stderr is a pipe. */
  stdio: z.enum(['pipes', 'terminal', 'terminal-but-stderr']),
  limits: limitsSchema,
  niceness: z.int().min(-20).max(19),
})
export type JobSpec = z.output<typeof jobSpecSchema>

/** A job as people and programs see it (`plump job ls --json`). */
export const jobSchema = z.strictObject({
  id: jobIdSchema,
  home: nodeIdSchema,
  /** The node it runs on, or ended on. */
  node: nodeIdSchema,
  state: z.enum(['starting', 'running', 'stopped', 'migrating', 'ended']),
  /** Rises by one with each change of node: the home accepts output and status of the latest only. */
  epoch: z.int().min(1),
  uid: z.int().min(0),
  command: z.array(z.string()),
  directory: z.string(),
  foreground: z.boolean(),
  terminal: z.boolean(),
  started: z.iso.datetime(),
  /** CPU time and memory of all its processes, as its node last told. */
  cpuSeconds: z.number().min(0),
  memoryBytes: z.int().min(0),
  processes: z.int().min(0),
  niceness: z.int(),
  migrations: z.int().min(0),
  /** Locked jobs stay where they are unless somebody migrates them by name (`nomig`, `job lock`); `home` ones stay at home (`-h`). */
  lock: z.enum(['none', 'here', 'home']),
  cantmove: cantmoveSchema.optional(),
  mask: maskSchema,
  hints: hintsSchema,
  limits: limitsSchema,
  /** Present when it has ended. */
  outcome: outcomeSchema.optional(),
})
export type Job = z.output<typeof jobSchema>

/** What may be said about a job while it runs. */
export const jobChangeSchema = jobSchema.pick({ lock: true, mask: true, hints: true }).partial()
export type JobChange = z.output<typeof jobChangeSchema>
