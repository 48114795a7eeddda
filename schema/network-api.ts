import * as z from 'zod'
import { fixedAddressSchema } from './network.ts'
import { leaseSchema, nodeIdSchema } from './node-state.ts'

/** Requests of the local API about the node's network: what `plump netsetup` and `plump net check` ask. */

/** How many members `plump net check` tries to reach; a sample, in a large cluster. */
export const CHECKED_MEMBERS_LIMIT = 16

export const networkRequestSchemas = [
  z.strictObject({
    request: z.literal('set-address'),
    /** Absent: the first interface that has a carrier and no address from DHCP. */
    interface: z.string().max(15).optional(),
    /** null: take back what was typed, and ask DHCP again. */
    address: fixedAddressSchema.nullable(),
  }),
  z.strictObject({ request: z.literal('net-check') }),
] as const

const reachSchema = z.object({
  reached: z.boolean(),
  /** Round trip, absent when nothing came back. */
  milliseconds: z.number().nonnegative().optional(),
})

export const checkedLinkSchema = z.object({
  interface: z.string(),
  mac: z.string(),
  carrier: z.boolean(),
  /** The driver's module, `bond` or `vlan`. */
  driver: z.string(),
  speedMbps: z.number().int().positive().optional(),
  mtuBytes: z.number().int().positive().optional(),
  /** The bond it is part of; such a card has no address of its own. */
  bond: z.string().optional(),
  leases: z.array(leaseSchema),
  gateway: z.object({ address: z.ipv4(), ...reachSchema.shape }).optional(),
  /** Multicast DNS packets of other machines since the address came into use; none at all on a network with other nodes means that the switch drops them. */
  multicastHeard: z.int().nonnegative(),
})
export type CheckedLink = z.output<typeof checkedLinkSchema>

export const checkedMemberSchema = z.object({
  id: nodeIdSchema,
  name: z.string(),
  address: z.ipv4(),
  ...reachSchema.shape,
  /** Whether a packet as large as our MTU, not to be cut to pieces, came back. */
  fullSize: z.boolean(),
})
export type CheckedMember = z.output<typeof checkedMemberSchema>

export const netCheckSchema = z.object({
  links: z.array(checkedLinkSchema),
  members: z.array(checkedMemberSchema),
  /** Whether there is a reason to think that the node is not the only one: plump.yaml names seeds, or another member was there that did not say goodbye. */
  othersExpected: z.boolean(),
  nameServers: z.array(z.ipv4()),
  /** What sets this node's clock, and how far the clock was from it at the last look. */
  clock: z.object({ source: z.string(), offsetMs: z.number() }).optional(),
  /** What is wrong, each with its fix; empty when all is well. */
  problems: z.array(z.object({ what: z.string(), fix: z.string() })),
})
export type NetCheck = z.output<typeof netCheckSchema>

export const networkResultSchemas = {
  'set-address': z.object({ interface: z.string(), lease: leaseSchema.optional() }),
  'net-check': netCheckSchema,
} as const
