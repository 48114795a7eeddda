import * as z from 'zod'
import { loadEntrySchema } from '../../schema/load.ts'
import type { LoadEntry } from '../../schema/load.ts'
import type { NodeId } from '../../schema/node-state.ts'
import { SENT_ENTRIES } from './gossip-table.ts'
import type { GossipMessage } from './gossip-table.ts'

/**
 * A gossip message as one datagram that fits the mesh's MTU: 6 bytes of header (`PL`, version, count, sender), then 30 bytes per
 * entry, all big-endian. Binary, because the same as JSON would be five times as long and be cut into fragments.
 */
const MAGIC = 0x504c
const VERSION = 1
const HEADER_BYTES = 6
const ENTRY_BYTES = 30
const COUNT_LIMIT = SENT_ENTRIES + 1
export const DATAGRAM_LIMIT_BYTES = HEADER_BYTES + COUNT_LIMIT * ENTRY_BYTES

const GIVES = 1
const TAKES = 2

const messageSchema = z.array(loadEntrySchema).min(1).max(COUNT_LIMIT)

/** The datagram of `message`, of which the first entry is the sender's own. */
export function encodeGossip(sender: NodeId, { entries, agesMs }: GossipMessage): Buffer {
  const count = Math.min(entries.length, COUNT_LIMIT)
  const bytes = Buffer.alloc(HEADER_BYTES + count * ENTRY_BYTES)
  bytes.writeUInt16BE(MAGIC, 0)
  bytes.writeUInt8(VERSION, 2)
  bytes.writeUInt8(count, 3)
  bytes.writeUInt16BE(sender, 4)
  for (const [index, entry] of entries.slice(0, count).entries()) {
    writeEntry(bytes, HEADER_BYTES + index * ENTRY_BYTES, entry, agesMs[index] ?? 0)
  }
  return bytes
}

function writeEntry(bytes: Buffer, at: number, entry: LoadEntry, ageMs: number): void {
  bytes.writeUInt16BE(entry.id, at)
  bytes.writeUInt16BE(Math.min(0xffff, Math.round(ageMs)), at + 2)
  bytes.writeUInt16BE(entry.cpus, at + 4)
  bytes.writeUInt32BE(entry.speed, at + 6)
  bytes.writeUInt16BE(Math.round(entry.load * 100), at + 10)
  bytes.writeUInt16BE(entry.jobs, at + 12)
  bytes.writeUInt32BE(entry.memoryTotalKiB, at + 14)
  bytes.writeUInt32BE(entry.memoryFreeKiB, at + 18)
  bytes.writeUInt8(entry.utilisation, at + 22)
  bytes.writeUInt8((entry.gives ? GIVES : 0) | (entry.takes ? TAKES : 0), at + 23)
  bytes.writeUInt32BE(entry.cpuClass, at + 24)
  // 2 bytes are kept for what a later version adds.
}

/** Takes a datagram apart; undefined when it is not one of ours or says what cannot be. Never throws. */
export function decodeGossip(bytes: Buffer): { sender: NodeId; message: GossipMessage } | undefined {
  if (bytes.length < HEADER_BYTES || bytes.readUInt16BE(0) !== MAGIC || bytes.readUInt8(2) !== VERSION) return undefined
  const count = bytes.readUInt8(3)
  if (count > COUNT_LIMIT || bytes.length !== HEADER_BYTES + count * ENTRY_BYTES) return undefined
  const starts = Array.from({ length: count }, (_, index) => HEADER_BYTES + index * ENTRY_BYTES)
  const entries = messageSchema.safeParse(starts.map((at) => readEntry(bytes, at)))
  const sender = bytes.readUInt16BE(4)
  if (!entries.success || entries.data[0]?.id !== sender) return undefined
  return { sender, message: { ids: entries.data.map((entry) => entry.id), agesMs: starts.map((at) => bytes.readUInt16BE(at + 2)), entries: entries.data } }
}

function readEntry(bytes: Buffer, at: number): LoadEntry {
  const flags = bytes.readUInt8(at + 23)
  return {
    id: bytes.readUInt16BE(at),
    cpus: bytes.readUInt16BE(at + 4),
    speed: bytes.readUInt32BE(at + 6),
    load: bytes.readUInt16BE(at + 10) / 100,
    jobs: bytes.readUInt16BE(at + 12),
    memoryTotalKiB: bytes.readUInt32BE(at + 14),
    memoryFreeKiB: bytes.readUInt32BE(at + 18),
    utilisation: bytes.readUInt8(at + 22),
    gives: (flags & GIVES) !== 0,
    takes: (flags & TAKES) !== 0,
    cpuClass: bytes.readUInt32BE(at + 24),
  }
}
