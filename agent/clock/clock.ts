import { uptime } from 'node:os'
import type { AgentContext, Capability } from '../capability.ts'
import { ntpdProcess, runNtpd, stopNtpd } from './ntpd.ts'
import { askTime, serveTime } from './sntp.ts'
import { candidates, chooseSource, ntpdConfig, STRATUM, type Candidate, type Claim, type TimeSource } from './time-source.ts'

/** How often the source is chosen anew and the offset is measured. */
const ROUND_MS = 30_000
/** After a change of members or leases: they come in swarms. */
const CHANGE_PAUSE_MS = 500
const SERVERS_LIMIT = 4
/** openntpd makes up for less than this by a faster or slower clock; what is more is set in one step. */
const STEP_OVER_MS = 100
/** How long openntpd is left alone after it has set the clock, before a step is taken for necessary. */
const SETTLE_MS = 20_000

/**
 * Keeps this node's clock equal to that of a time server (plump.yaml's `network.ntp`, else what DHCP says), or of the first member when
 * there is none that answers, and tells others the time. Writes state `clock`.
 */
export function startClock(context: AgentContext): Capability {
  const { state, config, nowMs } = context
  const log = context.log.named('clock')
  let source: TimeSource = { from: 'own' }
  let setMs = -Infinity
  let timer: NodeJS.Timeout | undefined
  let isRunning = false
  let isStopped = false

  const socket = serveTime({ stratum: () => stratumOf(source), nowUnixMs: Date.now, runningMs: () => uptime() * 1000 }, (error) => log.warn(`port 123: ${error.message}`))

  const claimOf = async ({ id, address }: Candidate): Promise<(Claim & { offsetMs: number }) | undefined> => {
    if (address === undefined) return { id, address, stratum: STRATUM.own, runningMs: uptime() * 1000, offsetMs: 0 }
    const answer = await askTime(address, Date.now)
    return answer && { id, address, stratum: answer.stratum, runningMs: answer.runningMs, offsetMs: answer.offsetMs }
  }

  const round = async (): Promise<void> => {
    const wanted = config.network.ntp.length > 0 ? config.network.ntp : [...new Set(state.get('leases').flatMap((lease) => lease.ntp))]
    const servers = await Promise.all(wanted.slice(0, SERVERS_LIMIT).map(async (server) => ({ server, answer: await askTime(server, Date.now) })))
    const answering = servers.filter(({ answer }) => answer !== undefined)
    const claims = answering.length > 0 ? [] : (await Promise.all(candidates(state.get('members')).map(claimOf))).filter((claim) => claim !== undefined)
    const chosen = chooseSource(answering.map(({ server }) => server), claims)
    const offsetMs = chosen.from === 'servers' ? answering[0]?.answer?.offsetMs
      : chosen.from === 'member' ? claims.find(({ id }) => id === chosen.id)?.offsetMs : 0
    if (!isStopped) follow(chosen, offsetMs ?? 0)
  }

  const follow = (chosen: TimeSource, offsetMs: number): void => {
    if (JSON.stringify(chosen) !== JSON.stringify(source)) log.info(`${describe(chosen)}, ${Math.round(offsetMs)} ms away`)
    source = chosen
    const conf = ntpdConfig(chosen)
    if (conf === undefined) stopNtpd()
    else {
      const isOff = Math.abs(offsetMs) > STEP_OVER_MS && nowMs() - setMs > SETTLE_MS
      if (isOff || ntpdProcess() === undefined) setMs = nowMs()
      runNtpd(conf, isOff, () => context.log.named('clock').info('openntpd ended'))
    }
    state.set('clock', { source: describe(chosen), offsetMs: Math.round(offsetMs) })
  }

  const soon = (ms: number): void => {
    clearTimeout(timer)
    if (isStopped) return
    timer = setTimeout(() => {
      if (isRunning) return soon(CHANGE_PAUSE_MS)
      isRunning = true
      round().catch((error: unknown) => log.warn(String(error))).finally(() => {
        isRunning = false
        soon(ROUND_MS)
      })
    }, ms)
  }

  const unwatch = [
    state.watch('leases', () => soon(CHANGE_PAUSE_MS)),
    state.watch('members', () => soon(CHANGE_PAUSE_MS)),
  ]
  soon(CHANGE_PAUSE_MS)
  return {
    stop() {
      isStopped = true
      clearTimeout(timer)
      for (const end of unwatch) end()
      socket.close()
    },
  }
}

function stratumOf({ from }: TimeSource): number {
  return { servers: STRATUM.server, member: STRATUM.member, own: STRATUM.own }[from]
}

/** As in `follows 10.0.0.1`. */
function describe(source: TimeSource): string {
  switch (source.from) {
    case 'servers': return `follows ${source.servers.join(', ')}`
    case 'member': return `follows member ${source.id} (${source.address})`
    case 'own': return 'runs by itself'
  }
}
