import * as z from 'zod'
import { nodeIdSchema } from './node-state.ts'

/** What nodes tell each other before and while they are one cluster: the DNS-SD announcement in the open, the Serf tags only among members. */

/** DNS-SD service type with its domain; the protocol word is fixed by RFC 6763, section 7. */
export const DISCOVERY_SERVICE = '_plump._udp.local'
/** Where members talk to each other by Serf; announcements name it. */
export const SERF_PORT = 7946
/** First 8 bytes of a key derived from the cluster key: enough to tell clusters apart, nothing to find the key by. */
export const FINGERPRINT_BYTES = 8

/** A packet of ours has 4 records; one with more than this is not ours and not worth reading. */
const MAX_RECORDS_PER_SECTION = 64
const MAX_QUESTIONS = 32
const MAX_NAME_CHARS = 255
const MAX_TXT_STRINGS = 16

const recordName = z.string().max(MAX_NAME_CHARS)
const recordTtl = z.number().int().nonnegative()
const unreadRecord = z.object({ type: z.literal('other') })

/** The record types of an announcement; whatever else a packet carries (AAAA, NSEC, OPT, …) becomes `other`. */
export const heardRecordSchema = z.union([
  z.object({ type: z.literal('PTR'), name: recordName, ttl: recordTtl, data: recordName }),
  z.object({ type: z.literal('SRV'), name: recordName, ttl: recordTtl, data: z.object({ target: recordName }) }),
  z.object({ type: z.literal('TXT'), name: recordName, ttl: recordTtl, data: z.array(z.instanceof(Uint8Array)).max(MAX_TXT_STRINGS) }),
  z.object({ type: z.literal('A'), name: recordName, ttl: recordTtl, data: z.ipv4() }),
  z.unknown().transform(() => ({ type: 'other' as const })).pipe(unreadRecord),
])
export type HeardRecord = z.output<typeof heardRecordSchema>

/** A multicast DNS packet as decoded from the wire by multicast-dns. */
export const heardPacketSchema = z.object({
  type: z.enum(['query', 'response']),
  questions: z.array(z.object({ name: recordName, type: z.string() })).max(MAX_QUESTIONS).default([]),
  answers: z.array(heardRecordSchema).max(MAX_RECORDS_PER_SECTION).default([]),
  additionals: z.array(heardRecordSchema).max(MAX_RECORDS_PER_SECTION).default([]),
})
export type HeardPacket = z.output<typeof heardPacketSchema>

/** The TXT record of an announcement. A holder of another key learns from it only that a cluster is there. */
export const announcementTxtSchema = z.object({
  v: z.literal('1'),
  f: z.string().regex(new RegExp(`^[0-9a-f]{${FINGERPRINT_BYTES * 2}}$`)),
})

/** An X25519 public key in base64. */
const meshKey = z.string().regex(/^[A-Za-z0-9+/]{43}=$/)
const MAX_NETWORKS = 4
const wordsOf = (text: string): string[] => text.split(' ').filter((word) => word !== '')
const network = z.string().regex(/^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/).transform((text) => {
  const [address = '', prefixLength = ''] = text.split('/')
  return { address, prefixLength: Number(prefixLength) }
}).pipe(z.object({ address: z.ipv4(), prefixLength: z.number().int().max(32) }))

/** How members tell each other their networks in one tag; at most {@link MAX_NETWORKS}. */
export function formatNetworksTag(networks: readonly { address: string; prefixLength: number }[]): string {
  return networks.slice(0, MAX_NETWORKS).map(({ address, prefixLength }) => `${address}/${prefixLength}`).join(' ')
}

const MAX_NAME_SERVERS = 3

/** How a member tells the others its name servers in one tag; at most {@link MAX_NAME_SERVERS}. */
export function formatNameServersTag(servers: readonly string[]): string {
  return servers.slice(0, MAX_NAME_SERVERS).join(' ')
}

const tagNumber = z.string().regex(/^\d{1,12}$/).transform(Number)

/** Tags of a Serf member: all text, together at most 512 bytes (a limit of memberlist). */
export const memberTagsSchema = z.object({
  id: tagNumber.pipe(nodeIdSchema),
  name: z.string().regex(/^[a-z0-9-]{1,40}$/),
  cpus: tagNumber.pipe(z.number().int().positive()),
  /** Unix seconds at which this boot of the node took its first id; the younger of two nodes with one id gives way. */
  born: tagNumber,
  /** Public key of the node's mesh interface. */
  wg: meshKey.optional(),
  /** The node's own addresses with their networks, as in `192.168.1.5/24 10.0.0.5/8`; the best endpoint is on one that both sides share. */
  net: z.string().max(100).transform((text) => wordsOf(text)).pipe(z.array(network).max(MAX_NETWORKS)).optional(),
  /** Name servers the node has of its own, as in `192.168.1.1 10.0.0.1`. */
  dns: z.string().max(48).transform((text) => wordsOf(text)).pipe(z.array(z.ipv4()).max(MAX_NAME_SERVERS)).optional(),
  v: z.literal('1'),
})
export type MemberTags = z.output<typeof memberTagsSchema>
