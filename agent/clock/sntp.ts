import { randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { decodeAnswer, encodeAnswer, encodeQuestion, isQuestion, type TimeReply } from './sntp-packet.ts'

const NTP_PORT = 123
const ANSWER_LIMIT_MS = 2_000
/** Of several answers the one that was under way for the shortest time tells the offset best (RFC 5905, section 10). */
const SAMPLES = 3

/** A server's clock as seen from here. */
export interface TimeAnswer {
  stratum: number
  /** Its time minus ours. */
  offsetMs: number
  /** Time the question and the answer were under way. */
  delayMs: number
  /** How long its clock has run since it was set, or since its node started. */
  runningMs: number
}

/** Asks a time server, by address or name; undefined when it does not answer or says that its own clock is not set. */
export async function askTime(server: string, nowUnixMs: () => number, port = NTP_PORT): Promise<TimeAnswer | undefined> {
  const samples: TimeAnswer[] = []
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const answer = await askOnce(server, nowUnixMs, port)
    if (answer === undefined) break
    samples.push(answer)
  }
  return samples.toSorted((one, other) => one.delayMs - other.delayMs)[0]
}

function askOnce(server: string, nowUnixMs: () => number, port: number): Promise<TimeAnswer | undefined> {
  const socket = createSocket('udp4')
  const cookie = randomBytes(8)
  return new Promise((resolve) => {
    let sentMs = nowUnixMs()
    const end = (answer: TimeAnswer | undefined): void => {
      clearTimeout(limit)
      socket.close()
      resolve(answer)
    }
    const limit = setTimeout(() => end(undefined), ANSWER_LIMIT_MS)
    socket.on('error', () => end(undefined))
    socket.on('message', (packet) => {
      const reply = decodeAnswer(packet, cookie)
      if (reply) end(asAnswer(reply, sentMs, nowUnixMs()))
    })
    socket.connect(port, server, () => {
      sentMs = nowUnixMs()
      socket.send(encodeQuestion(cookie))
    })
  })
}

/** Offset and delay by the four times (RFC 4330, section 5); undefined for a clock that is not set. */
export function asAnswer(reply: TimeReply, sentMs: number, receivedMs: number): TimeAnswer | undefined {
  if (!reply.synchronized || reply.stratum < 1 || reply.stratum > 15) return undefined
  return {
    stratum: reply.stratum,
    offsetMs: ((reply.receiveMs - sentMs) + (reply.transmitMs - receivedMs)) / 2,
    delayMs: Math.max(0, (receivedMs - sentMs) - (reply.transmitMs - reply.receiveMs)),
    runningMs: Math.max(0, reply.transmitMs - reply.referenceMs),
  }
}

export interface ServedClock {
  stratum(): number
  nowUnixMs(): number
  /** How long this node has been running. */
  runningMs(): number
}

/** Answers questions for the time on UDP port 123; each answer is as long as its question. Gives the socket, to be closed by whoever opened it. */
export function serveTime(clock: ServedClock, onError: (error: Error) => void, port = NTP_PORT): Socket {
  const socket = createSocket('udp4')
  socket.on('message', (question, from) => {
    if (!isQuestion(question)) return
    const receiveMs = clock.nowUnixMs()
    socket.send(encodeAnswer(question, {
      stratum: clock.stratum(), referenceMs: receiveMs - clock.runningMs(), receiveMs, transmitMs: clock.nowUnixMs(),
    }), from.port, from.address)
  })
  socket.on('error', onError)
  socket.bind(port)
  return socket
}
