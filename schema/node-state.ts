import * as z from 'zod'
import { STAGES } from './stage-line.ts'

/** What a node tells of itself over /run/plump/agent.sock; `plump … --json` prints these. */

export const nicReportSchema = z.object({
  /** Interface name, absent while no driver is bound. */
  interface: z.string().optional(),
  mac: z.string().optional(),
  /** Bus and address on it, as in `pci:0000:00:03.0` or `usb:1-1`. */
  busId: z.string(),
  /** `vendor:device` in hexadecimal, absent for devices without (virtio over mmio, …). */
  vendorDevice: z.string().optional(),
  driver: z.discriminatedUnion('state', [
    z.object({ state: z.literal('bound'), module: z.string() }),
    z.object({ state: z.literal('no-module') }),
    z.object({ state: z.literal('firmware-missing'), file: z.string() }),
  ]),
  carrier: z.boolean(),
  /** Megabits per second, absent when the driver does not tell. */
  speedMbps: z.number().int().positive().optional(),
  /** The bond it is part of. */
  bond: z.string().optional(),
})
export type NicReport = z.output<typeof nicReportSchema>

export const leaseSchema = z.object({
  interface: z.string(),
  kind: z.enum(['dhcp', 'static', 'link-local']),
  address: z.ipv4(),
  prefixLength: z.number().int().min(0).max(32),
  gateway: z.ipv4().optional(),
  dns: z.array(z.ipv4()),
  ntp: z.array(z.ipv4()),
  /** The DHCP server that gave it. */
  server: z.ipv4().optional(),
  leaseSeconds: z.number().int().positive().optional(),
})
export type Lease = z.output<typeof leaseSchema>

/** Low 16 bits of the first usable IPv4 address (design.md, decision 11). */
export const nodeIdSchema = z.number().int().min(0).max(0xffff)
export type NodeId = z.output<typeof nodeIdSchema>

export const memberSchema = z.object({
  id: nodeIdSchema,
  name: z.string(),
  addresses: z.array(z.ipv4()),
  state: z.enum(['alive', 'failed', 'left']),
  cpus: z.number().int().positive().optional(),
  /** What it takes to reach it through the mesh: its public key there, and the networks it says it is on. */
  mesh: z.object({
    publicKey: z.string(),
    networks: z.array(z.object({ address: z.ipv4(), prefixLength: z.number().int().min(0).max(32) })),
  }).optional(),
  /** Name servers it has of its own, absent when it has none; for nodes without. */
  nameServers: z.array(z.ipv4()).max(3).optional(),
  /** true for the node that answers. */
  self: z.boolean(),
})
export type Member = z.output<typeof memberSchema>

export const waitingSchema = z.object({
  for: z.string(),
  fix: z.string(),
  /** The node is of no use without it and a person must help: the screen shows nothing else. */
  fatal: z.literal(true).optional(),
})
export type Waiting = z.output<typeof waitingSchema>

export const nodeStatusSchema = z.object({
  version: z.string(),
  name: z.string(),
  cluster: z.string(),
  stage: z.enum(STAGES),
  id: nodeIdSchema.optional(),
  address: z.ipv4().optional(),
  leases: z.array(leaseSchema),
  members: z.number().int().nonnegative(),
  /** One-minute load average. */
  load: z.number(),
  memoryTotalKiB: z.number().int(),
  memoryUsedKiB: z.number().int(),
  uptimeSeconds: z.number(),
  /** Everything the node waits for, each with its fix; empty when all is well. */
  waiting: z.array(waitingSchema),
})
export type NodeStatus = z.output<typeof nodeStatusSchema>
