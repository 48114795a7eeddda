import { decodeMultiStream, encode } from '@msgpack/msgpack'
import * as z from 'zod'

/**
 * Serf's RPC on the wire: MessagePack objects one after the other. A request is a header and, for most commands, a body; so is a reply.
 * Format: serf's cmd/serf/command/agent/ipc.go.
 */

/** 10,000 members of about 300 bytes fit. */
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024
const MAX_MEMBERS = 20_000
const MAX_TEXT_BYTES = 64 * 1024

const replyHeaderSchema = z.object({ Seq: z.number().int().nonnegative(), Error: z.string() })

export type SerfMessage =
  | { kind: 'header'; seq: number; error: string }
  /** Belongs to the header before it. */
  | { kind: 'body'; body: unknown }

/** Bytes of one request. */
export function encodeRequest(command: string, seq: number, body?: object): Uint8Array {
  const header = encode({ Command: command, Seq: seq })
  return body === undefined ? header : Buffer.concat([header, encode(body)])
}

/** Cuts a stream of bytes, in pieces of any size, into messages. Throws RangeError when one exceeds the limit and DecodeError on garbage. */
export async function* decodeMessages(pieces: AsyncIterable<Uint8Array>, maxMessageBytes = MAX_MESSAGE_BYTES): AsyncGenerator<SerfMessage> {
  let bytesSinceMessage = 0
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      bytesSinceMessage += piece.length
      if (bytesSinceMessage > maxMessageBytes) throw new RangeError(`a message of serf is longer than ${maxMessageBytes} bytes`)
      yield piece
    }
  }
  const limits = { maxStrLength: MAX_TEXT_BYTES, maxBinLength: MAX_TEXT_BYTES, maxArrayLength: MAX_MEMBERS, maxMapLength: 1024, maxExtLength: 0 }
  for await (const message of decodeMultiStream<undefined>(counted(), limits)) {
    bytesSinceMessage = 0
    const header = replyHeaderSchema.safeParse(message)
    yield header.success ? { kind: 'header', seq: header.data.Seq, error: header.data.Error } : { kind: 'body', body: message }
  }
}
