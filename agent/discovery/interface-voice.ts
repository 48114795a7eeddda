import multicastDns from 'multicast-dns'
import { announcementRecords, asksForService, readAnnouncement, readPacket, serviceQuestion, type Announcement, type Interface } from './records.ts'
import { answerDelayMs, queryDelayMs, RateLimit, shouldAnnounce, shouldAnswer, shouldQuery } from './pace.ts'

const PACKETS_PER_SECOND = 200
/** A thousand nodes may answer one question at once. */
const PACKETS_BURST = 1_500

export interface VoiceOptions {
  on: Interface
  /** Random label of this node, see {@link announcementRecords}. */
  instance: string
  /** Of the key that is spoken now; undefined: nothing is announced. */
  fingerprint(): string | undefined
  nowMs(): number
  liveMembers(): number
  isLiveMember(address: string): boolean
  onAnnouncement(announcement: Announcement): void
  onTrouble(error: Error): void
  /** A packet of another machine came, of whatever service. */
  onPacket(): void
}

/** One interface's share of discovery: asks, announces and answers on it until closed. */
export interface InterfaceVoice {
  /** Takes up the quick questions again, as when the last fellow member was lost. */
  askAgain(): void
  /** Tells of this node unasked, as when what it has to tell has changed. */
  announce(): void
  close(): void
}

/**
 * Opens multicast DNS on the interface with the address `options.on.address`. The socket is bound to all addresses, since one bound to
 * a unicast address hears no multicast on Linux; Linux also hands it what other interfaces joined, which {@link readPacket} sorts out by source.
 */
export function openVoice(options: VoiceOptions): InterfaceVoice {
  const { on } = options
  const socket = multicastDns({ interface: on.address, bind: '0.0.0.0', loopback: false })
  const limit = new RateLimit(PACKETS_PER_SECOND, PACKETS_BURST)
  const membersHeard = new Set<string>()
  let attempt = 0
  let lastAnswerMs = -Infinity
  let queryTimer: NodeJS.Timeout | undefined
  let answerTimer: NodeJS.Timeout | undefined
  let closed = false
  let trouble: string | undefined

  const announce = (): void => {
    const fingerprint = options.fingerprint()
    if (fingerprint === undefined) return
    lastAnswerMs = options.nowMs()
    socket.respond({ answers: announcementRecords(options.instance, fingerprint, on.address) }, reportTrouble)
  }
  /** Told once until it works again: an interface without a route fails at every packet. */
  const reportTrouble = (error: Error | null): void => {
    if (error && !closed && error.message !== trouble) options.onTrouble(error)
    trouble = error?.message
  }
  const scheduleQuery = (): void => {
    clearTimeout(queryTimer)
    queryTimer = setTimeout(() => {
      if (shouldAnnounce(attempt)) announce()
      if (shouldQuery(options.liveMembers())) socket.query({ questions: [serviceQuestion()] }, reportTrouble)
      attempt += 1
      scheduleQuery()
    }, queryDelayMs(attempt, options.liveMembers(), Math.random()))
  }
  const answerSoon = (): void => {
    if (answerTimer) return
    membersHeard.clear()
    answerTimer = setTimeout(() => {
      answerTimer = undefined
      if (shouldAnswer(membersHeard.size, options.nowMs() - lastAnswerMs)) announce()
    }, answerDelayMs(Math.random()))
  }

  socket.on('error', reportTrouble)
  socket.on('warning', () => undefined) // a packet that is not DNS; other people's business
  socket.on('packet', (decoded: unknown, source: { address: string; port: number }) => {
    if (closed || !limit.allows(options.nowMs())) return
    const packet = readPacket(decoded, source, on)
    if (!packet) return
    if (source.address !== on.address) options.onPacket()
    if (asksForService(packet)) answerSoon()
    const announcement = readAnnouncement(packet, source.address, on)
    if (!announcement) return
    if (options.isLiveMember(source.address)) membersHeard.add(source.address)
    options.onAnnouncement(announcement)
  })
  socket.once('ready', () => {
    if (!closed) scheduleQuery()
  })

  return {
    announce: () => {
      if (!closed) announce()
    },
    askAgain: () => {
      attempt = Math.min(attempt, 2)
      scheduleQuery()
    },
    close: () => {
      closed = true
      clearTimeout(queryTimer)
      clearTimeout(answerTimer)
      socket.destroy()
    },
  }
}
