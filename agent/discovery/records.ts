import type { Answer, Question } from 'dns-packet'
import { announcementTxtSchema, DISCOVERY_SERVICE, heardPacketSchema, SERF_PORT, type HeardPacket } from '../../schema/discovery.ts'
import { isOnLink, isUnicast } from '../os/ipv4.ts'

/** Longer than two of the slowest query intervals, so that one lost answer does not make a neighbour vanish. */
const ANNOUNCEMENT_TTL_SECONDS = 240
/** Cards of one machine on one network; a node announces one address per interface. */
const MAX_ADDRESSES = 4
/** RFC 6762, section 6: answers come from this port, anything else is not multicast DNS. */
const MDNS_PORT = 5353

/** What one packet says of a neighbour; `ttlSeconds` 0 is a goodbye (RFC 6762, section 10.1). */
export interface Announcement {
  addresses: readonly string[]
  fingerprint: string
  ttlSeconds: number
}

export interface Interface {
  address: string
  prefixLength: number
}

/** The question every node asks and answers. */
export function serviceQuestion(): Question {
  return { name: DISCOVERY_SERVICE, type: 'PTR' }
}

/**
 * The four records of DNS-SD (RFC 6763) for a node at `address`. `instance` is any label that is this node's alone; it is random,
 * so that the announcement tells strangers nothing of the machine.
 */
export function announcementRecords(instance: string, fingerprint: string, address: string): Answer[] {
  const service = `${instance}.${DISCOVERY_SERVICE}`
  const host = `${instance}.local`
  const ttl = ANNOUNCEMENT_TTL_SECONDS
  return [
    { name: DISCOVERY_SERVICE, type: 'PTR', ttl, data: service },
    { name: service, type: 'SRV', ttl, data: { target: host, port: SERF_PORT } },
    { name: service, type: 'TXT', ttl, data: ['v=1', `f=${fingerprint}`] },
    { name: host, type: 'A', ttl, data: address },
  ]
}

/** Parses what multicast-dns decoded; undefined when it is malformed, oversized or not from the network of `heardOn` (RFC 6762, section 11). */
export function readPacket(decoded: unknown, source: { address: string; port: number }, heardOn: Interface): HeardPacket | undefined {
  if (source.port !== MDNS_PORT || !isUnicast(source.address)) return undefined
  if (source.address === heardOn.address || !isOnLink(source.address, heardOn.address, heardOn.prefixLength)) return undefined
  return heardPacketSchema.safeParse(decoded).data
}

/** Whether a parsed packet asks for our service. */
export function asksForService(packet: HeardPacket): boolean {
  return packet.type === 'query' && packet.questions.some((question) =>
    question.name.toLowerCase() === DISCOVERY_SERVICE && (question.type === 'PTR' || question.type === 'ANY'))
}

/**
 * The neighbour a parsed answer tells of; undefined when it is about something else. The packet's source is always one of its addresses;
 * A records count only when they are on the same network, so that nobody can point nodes at a machine elsewhere.
 */
export function readAnnouncement(packet: HeardPacket, source: string, heardOn: Interface): Announcement | undefined {
  if (packet.type !== 'response') return undefined
  const records = [...packet.answers, ...packet.additionals]
  const pointer = records.find((record) => record.type === 'PTR' && record.name.toLowerCase() === DISCOVERY_SERVICE)
  if (pointer?.type !== 'PTR') return undefined
  const text = records.find((record) => record.type === 'TXT' && record.name === pointer.data)
  if (text?.type !== 'TXT') return undefined
  const txt = announcementTxtSchema.safeParse(Object.fromEntries(text.data.map(keyAndValue)))
  if (!txt.success) return undefined
  const host = records.flatMap((record) => record.type === 'SRV' && record.name === pointer.data ? [record.data.target] : [])[0]
  const named = records.flatMap((record) => record.type === 'A' && record.name === host ? [record.data] : [])
  const nearby = named.filter((address) =>
    isUnicast(address) && address !== heardOn.address && isOnLink(address, heardOn.address, heardOn.prefixLength))
  return {
    addresses: [...new Set([source, ...nearby])].slice(0, MAX_ADDRESSES),
    fingerprint: txt.data.f,
    ttlSeconds: Math.min(pointer.ttl, ANNOUNCEMENT_TTL_SECONDS),
  }
}

function keyAndValue(bytes: Uint8Array): [string, string] {
  const text = Buffer.from(bytes).toString('latin1')
  const equals = text.indexOf('=')
  return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)]
}
