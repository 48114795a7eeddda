import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PlumpError } from '../errors.ts'
import { onLines } from './lines.ts'
import { removeLink, wire, type AddressPlan } from './network.ts'
import type { DhcpKind } from './options.ts'

const LINE_LIMIT_BYTES = 64 * 1024
const LOG_TAIL_CHARS = 1_000
/** dnsmasq knows no shorter lease (dhcp-range in its manual). */
const DNSMASQ_LEAST_SECONDS = 120

/** The DHCP server of one network: none, or a process of one of two makes that can be changed while nodes run. */
export class DhcpService {
  kind: DhcpKind = 'none'
  #server: ChildProcess | undefined
  readonly #plan: AddressPlan
  readonly #folder: string

  constructor(plan: AddressPlan, folder: string) {
    this.#plan = plan
    this.#folder = folder
  }

  /** Ends the present server, whose leases are forgotten, and starts another. Throws PlumpError DHCP_SERVER with the end of its log. */
  async change(kind: DhcpKind, { leaseSeconds, ntp }: { leaseSeconds: number; ntp?: string | undefined }): Promise<void> {
    await this.#stop()
    this.kind = kind
    if (kind === 'none') return
    const command = kind === 'dnsmasq' ? this.#dnsmasq(leaseSeconds, ntp) : this.#nodeDhcp(leaseSeconds)
    await this.#start(command)
  }

  get #outer(): string {
    return `dhcp${this.#plan.network}`
  }

  #nodeDhcp(leaseSeconds: number): string[] {
    const server = join(import.meta.dirname, 'dhcp-server.ts')
    return [process.execPath, '--disable-warning=ExperimentalWarning', server, JSON.stringify({ plan: this.#plan, leaseSeconds })]
  }

  #dnsmasq(leaseSeconds: number, ntp: string | undefined): string[] {
    const file = join(this.#folder, `dnsmasq-${this.#plan.network}.conf`)
    writeFileSync(file, dnsmasqConfig(this.#plan, leaseSeconds, join(this.#folder, `dnsmasq-${this.#plan.network}.leases`), ntp))
    return ['dnsmasq', `--conf-file=${file}`]
  }

  async #start(command: string[]): Promise<void> {
    const logFile = join(this.#folder, `dhcp-${this.#plan.network}.log`)
    const log = openSync(logFile, 'a')
    const script = join(import.meta.dirname, 'dhcp-wire.sh')
    const server = spawn('unshare', ['--net', 'sh', script, this.#outer, `${this.#plan.server}/${this.#plan.prefixLength}`, ...command], {
      stdio: ['ignore', 'pipe', log],
    })
    closeSync(log)
    this.#server = server
    await new Promise<void>((resolve, reject) => {
      const failed = (): void => reject(dhcpError(this.#plan.network, logFile))
      server.once('error', failed)
      server.once('exit', failed)
      if (server.stdout) onLines(server.stdout, LINE_LIMIT_BYTES, (line) => line === 'wired' && resolve())
    })
    await wire(this.#outer, this.#plan)
  }

  async #stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server || server.exitCode !== null || server.signalCode !== null) return
    const gone = once(server, 'exit')
    server.kill('SIGKILL')
    await gone
    // The kernel takes a dead namespace apart in its own time; the next server needs the name now.
    await removeLink(this.#outer).catch(() => undefined)
  }
}

function dhcpError(network: number, logFile: string): PlumpError {
  const told = readFileSync(logFile, 'utf8').trim().slice(-LOG_TAIL_CHARS)
  return new PlumpError('DHCP_SERVER', `the DHCP server of network ${network} did not start: ${told}`, { fix: './plump doctor --fix' })
}

/** dnsmasq as a DHCP server and nothing else; `no-daemon` also keeps it from changing its user, which a user namespace does not allow. */
export function dnsmasqConfig(plan: AddressPlan, leaseSeconds: number, leaseFile: string, ntp?: string): string {
  return [
    'no-daemon',
    'conf-dir=',
    'no-resolv',
    'no-hosts',
    'port=0',
    'interface=lan',
    'bind-interfaces',
    'log-dhcp',
    'no-ping',
    'dhcp-authoritative',
    `dhcp-range=${plan.first},${plan.last},${plan.netmask},${Math.max(leaseSeconds, DNSMASQ_LEAST_SECONDS)}`,
    `dhcp-option=option:router,${plan.server}`,
    `dhcp-option=option:dns-server,${plan.server}`,
    ...(ntp === undefined ? [] : [`dhcp-option=option:ntp-server,${ntp}`]),
    `dhcp-leasefile=${leaseFile}`,
    '',
  ].join('\n')
}
