import * as z from 'zod'
import { DHCP_KINDS, machineConfigSchema, nicSchema, NODE_LIMIT } from './options.ts'

/**
 * What is said over a lab's control socket. The caller sends one request as a line of JSON; the supervisor answers with
 * lines of JSON, `done` or `failed` being the last. A caller that hangs up ends what it asked for: a running command
 * is stopped, and a lab that is held goes down.
 */
const node = z.number().int().min(1).max(NODE_LIMIT)
const nic = z.number().int().min(0).optional()
const COMMAND_LIMIT = 32 * 1024
const TEXT_LIMIT = 4096

export const requestSchema = z.discriminatedUnion('verb', [
  z.object({ verb: z.literal('status') }),
  /** Keeps the connection open: the lab lives no longer than it, until `release` is sent on it. */
  z.object({ verb: z.literal('hold') }),
  z.object({ verb: z.literal('release') }),
  z.object({ verb: z.literal('add'), machine: machineConfigSchema }),
  z.object({ verb: z.literal('exec'), node, command: z.string().max(COMMAND_LIMIT, `at most ${COMMAND_LIMIT} characters; send what is longer in parts`), limitMs: z.number().positive().max(0x7fffffff) }),
  z.object({ verb: z.literal('cut'), node, nic, carrier: z.boolean() }),
  z.object({ verb: z.literal('heal'), node, nic, network: z.number().int().min(0).optional() }),
  z.object({ verb: z.literal('kill'), node }),
  z.object({ verb: z.literal('pressPower'), node }),
  z.object({ verb: z.literal('start'), node }),
  z.object({ verb: z.literal('plug'), node, card: nicSchema }),
  z.object({ verb: z.literal('plugDisk'), node, file: z.string(), writable: z.boolean() }),
  z.object({ verb: z.literal('eject'), node }),
  z.object({ verb: z.literal('type'), node, text: z.string().max(TEXT_LIMIT, `at most ${TEXT_LIMIT} characters at once`) }),
  z.object({ verb: z.literal('screendump'), node, file: z.string() }),
  z.object({ verb: z.literal('dhcp'), network: z.number().int().min(0), kind: z.enum(DHCP_KINDS), leaseSeconds: z.number().int().min(10).optional(), ntp: z.ipv4().optional() }),
  z.object({ verb: z.literal('down') }),
])
export type Request = z.output<typeof requestSchema>

export const nodeStatusSchema = z.object({
  node: z.number(),
  state: z.enum(['running', 'off']),
  boots: z.number(),
  folder: z.string(),
  /** Serial log of the present or last boot. */
  serialLog: z.string(),
  nics: z.array(z.object({
    index: z.number(),
    model: z.string(),
    mac: z.string(),
    network: z.number().nullable(),
    wired: z.boolean(),
    carrier: z.boolean(),
  })),
})
export type NodeStatus = z.output<typeof nodeStatusSchema>

export const labStatusSchema = z.object({
  name: z.string(),
  /** Whether the lab lives only as long as the process that started it. */
  held: z.boolean(),
  accelerator: z.enum(['kvm', 'tcg']),
  nodes: z.array(nodeStatusSchema),
  networks: z.array(z.object({ network: z.number(), dhcp: z.enum(DHCP_KINDS) })),
})
export type LabStatus = z.output<typeof labStatusSchema>

export const replySchema = z.discriminatedUnion('reply', [
  z.object({ reply: z.literal('output'), stream: z.enum(['stdout', 'stderr']), base64: z.string() }),
  z.object({ reply: z.literal('done'), result: z.unknown().optional() }),
  z.object({ reply: z.literal('failed'), code: z.string(), message: z.string(), fix: z.string(), exitCode: z.number() }),
])
export type Reply = z.output<typeof replySchema>

export const REQUEST_LIMIT_BYTES = 256 * 1024
export const REPLY_LIMIT_BYTES = 1024 * 1024
