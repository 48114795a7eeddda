import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { BootServerProblem } from './problem.ts'

const LOG_TAIL_LINES = 5
const START_LIMIT_MS = 20_000

export interface RunningDnsmasq {
  /** Resolves when it was stopped; rejects with BootServerProblem DNSMASQ when it ended by itself. */
  ended: Promise<void>
  stop(): Promise<void>
}

export interface DnsmasqProgram {
  program: string
  environment?: Readonly<Record<string, string>>
}

/** Starts dnsmasq and returns when it serves. Each line of its log goes to `onLine`. Throws BootServerProblem DNSMASQ, DHCP_PORT_TAKEN or INTERRUPTED. */
export async function startDnsmasq(dnsmasq: DnsmasqProgram, configFile: string, onLine: (line: string) => void, signal: AbortSignal): Promise<RunningDnsmasq> {
  const child = spawn(dnsmasq.program, [`--conf-file=${configFile}`], { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...dnsmasq.environment } })
  const tail: string[] = []
  let stopped = false
  let serving: (() => void) | undefined
  const started = new Promise<void>((resolve) => {
    serving = resolve
  })
  createInterface({ input: child.stderr }).on('line', (line) => {
    tail.push(line)
    if (tail.length > LOG_TAIL_LINES) tail.shift()
    // The last thing it says before it listens.
    if (/ TFTP root is /.test(line)) serving?.()
    onLine(line)
  })
  const ended = once(child, 'close').then(() => {
    if (!stopped) throw dnsmasqError(tail.join('\n'))
  }, (error: unknown) => {
    throw dnsmasqError(error instanceof Error ? error.message : String(error))
  })
  const stop = async (): Promise<void> => {
    stopped = true
    child.kill('SIGTERM')
    await ended.catch(() => undefined)
  }
  signal.addEventListener('abort', () => void stop(), { once: true })
  const timer = setTimeout(() => child.kill('SIGKILL'), START_LIMIT_MS)
  try {
    await Promise.race([started, ended])
  } finally {
    clearTimeout(timer)
  }
  return { ended, stop }
}

function dnsmasqError(told: string): BootServerProblem {
  if (/failed to bind DHCP server socket|failed to create listening socket|Address already in use/.test(told)) {
    return new BootServerProblem('DHCP_PORT_TAKEN', `another DHCP or TFTP server runs on this machine\n${told}`, {
      fix: 'ss -lnup shows it (ports 67, 69 and 4011); end it, or serve from another machine',
    })
  }
  return new BootServerProblem('DNSMASQ', `dnsmasq ended\n${told}`, { fix: 'see the lines above' })
}
