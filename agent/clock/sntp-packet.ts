/** Packets of the Simple Network Time Protocol (RFC 4330; the format is NTP's, RFC 5905 section 7.3). Times are Unix milliseconds. */

export const SNTP_PACKET_BYTES = 48

const VERSION = 4
const MODE_CLIENT = 3
const MODE_SERVER = 4
const LEAP_UNSYNCHRONIZED = 3
/** 1900-01-01 to 1970-01-01. */
const NTP_TO_UNIX_SECONDS = 2_208_988_800
const ERA_SECONDS = 2 ** 32
const OFFSET = { stratum: 1, poll: 2, precision: 3, referenceId: 12, reference: 16, originate: 24, receive: 32, transmit: 40 } as const
/** log2 of the resolution of Date.now(), in seconds: about a millisecond. */
const PRECISION = -10

/** What a server tells. */
export interface TimeReply {
  /** Whether its own clock is set by something. */
  synchronized: boolean
  /** How far it is from a reference clock; 0 = it refuses to answer. */
  stratum: number
  /** When the server's clock was last set, by itself. */
  referenceMs: number
  /** When it got the question and sent the answer, by its clock. */
  receiveMs: number
  transmitMs: number
}

/** A question. `cookie` (8 bytes) stands where the client's own time would: it comes back in the answer, and tells nobody our clock. */
export function encodeQuestion(cookie: Uint8Array): Buffer {
  const packet = Buffer.alloc(SNTP_PACKET_BYTES)
  packet[0] = VERSION << 3 | MODE_CLIENT
  packet.set(cookie.subarray(0, 8), OFFSET.transmit)
  return packet
}

/** Whether a packet is a client's question; what else comes to the port is not answered. */
export function isQuestion(packet: Uint8Array): boolean {
  const version = (packet[0] ?? 0) >> 3 & 7
  return packet.length >= SNTP_PACKET_BYTES && ((packet[0] ?? 0) & 7) === MODE_CLIENT && version >= 1 && version <= VERSION
}

/** The answer to a question: in its version, with its cookie. */
export function encodeAnswer(question: Uint8Array, reply: Omit<TimeReply, 'synchronized'>): Buffer {
  const packet = Buffer.alloc(SNTP_PACKET_BYTES)
  packet[0] = (question[0] ?? 0) & 0x38 | MODE_SERVER
  packet[OFFSET.stratum] = reply.stratum
  packet[OFFSET.poll] = question[OFFSET.poll] ?? 0
  packet.writeInt8(PRECISION, OFFSET.precision)
  packet.write('LOCL', OFFSET.referenceId, 'latin1')
  writeTime(packet, OFFSET.reference, reply.referenceMs)
  packet.set(question.subarray(OFFSET.transmit, OFFSET.transmit + 8), OFFSET.originate)
  writeTime(packet, OFFSET.receive, reply.receiveMs)
  writeTime(packet, OFFSET.transmit, reply.transmitMs)
  return packet
}

/** Reads an answer; undefined when it is none, or the answer to another question than the one with `cookie`. */
export function decodeAnswer(packet: Uint8Array, cookie: Uint8Array): TimeReply | undefined {
  if (packet.length < SNTP_PACKET_BYTES || ((packet[0] ?? 0) & 7) !== MODE_SERVER) return undefined
  const bytes = Buffer.from(packet)
  if (!bytes.subarray(OFFSET.originate, OFFSET.originate + 8).equals(cookie.subarray(0, 8))) return undefined
  return {
    synchronized: (bytes[0] ?? 0) >> 6 !== LEAP_UNSYNCHRONIZED,
    stratum: bytes[OFFSET.stratum] ?? 0,
    referenceMs: readTime(bytes, OFFSET.reference),
    receiveMs: readTime(bytes, OFFSET.receive),
    transmitMs: readTime(bytes, OFFSET.transmit),
  }
}

function writeTime(packet: Buffer, at: number, unixMs: number): void {
  const seconds = Math.floor(unixMs / 1000)
  packet.writeUInt32BE(((seconds + NTP_TO_UNIX_SECONDS) % ERA_SECONDS + ERA_SECONDS) % ERA_SECONDS, at)
  packet.writeUInt32BE(Math.floor((unixMs / 1000 - seconds) * ERA_SECONDS), at + 4)
}

/** Seconds below 2^31 are of the era that begins in 2036 (RFC 4330, section 3). */
function readTime(packet: Buffer, at: number): number {
  const seconds = packet.readUInt32BE(at)
  const era = seconds < 2 ** 31 ? ERA_SECONDS : 0
  return (seconds + era - NTP_TO_UNIX_SECONDS + packet.readUInt32BE(at + 4) / ERA_SECONDS) * 1000
}
