import * as z from 'zod'
import { loadEntrySchema } from '../../schema/load.ts'
import type { LoadEntry } from '../../schema/load.ts'
import type { NodeId } from '../../schema/node-state.ts'
import { AGE_LIMIT_MS, freshCount, newsOf, SENT_ENTRIES } from './gossip-table.ts'
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

/** The datagram of a message: the sender's own figure comes first. */
export function encodeGossip({ own, sentMs, news }: GossipMessage): Buffer {
  const others = Math.min(SENT_ENTRIES, freshCount(news, sentMs, AGE_LIMIT_MS))
  const bytes = Buffer.alloc(HEADER_BYTES + (1 + others) * ENTRY_BYTES)
  bytes.writeUInt16BE(MAGIC, 0)
  bytes.writeUInt8(VERSION, 2)
  bytes.writeUInt8(1 + others, 3)
  bytes.writeUInt16BE(own.id, 4)
  writeEntry(bytes, HEADER_BYTES, own, 0)
  for (const [index, entry] of news.entries.slice(0, others).entries()) {
    writeEntry(bytes, HEADER_BYTES + (1 + index) * ENTRY_BYTES, entry, Math.max(0, sentMs - (news.bornMs[index] ?? 0)))
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

/** Takes a datagram apart; undefined when it is not one of ours or says what cannot be. The message goes by a clock that showed 0 when it was sent. Never throws. */
export function decodeGossip(bytes: Buffer): { sender: NodeId; message: GossipMessage } | undefined {
  if (bytes.length < HEADER_BYTES || bytes.readUInt16BE(0) !== MAGIC || bytes.readUInt8(2) !== VERSION) return undefined
  const count = bytes.readUInt8(3)
  if (count > COUNT_LIMIT || bytes.length !== HEADER_BYTES + count * ENTRY_BYTES) return undefined
  const starts = Array.from({ length: count }, (_, index) => HEADER_BYTES + index * ENTRY_BYTES)
  const entries = messageSchema.safeParse(starts.map((at) => readEntry(bytes, at)))
  const sender = bytes.readUInt16BE(4)
  if (!entries.success) return undefined
  const [own, ...others] = entries.data
  if (own?.id !== sender) return undefined
  const news = newsOf(others.map((entry, index) => ({ entry, bornMs: -bytes.readUInt16BE((starts[index + 1] ?? 0) + 2) })))
  return { sender, message: { own, sentMs: 0, news } }
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
