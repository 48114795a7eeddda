import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { PlumpError } from '../errors.ts'
import { onLines } from './lines.ts'
import { wire, type AddressPlan } from './network.ts'

const LINE_LIMIT_BYTES = 64 * 1024
const LOG_TAIL_CHARS = 1_000

/** A machine of its own on one network that runs `./plump serve`, as a person would on a laptop. */
export class BootService {
  #iso: string | undefined
  readonly #plan: AddressPlan
  readonly #folder: string

  constructor(plan: AddressPlan, folder: string) {
    this.#plan = plan
    this.#folder = folder
  }

  /**
   * Starts serving an ISO and returns when it is there to be had; `alone` makes it the DHCP server of the network, too. Throws PlumpError
   * BOOT_SERVER with the end of its log.
   */
  async serve(iso: string, options: { alone: boolean }): Promise<void> {
    if (this.#iso === iso) return
    if (this.#iso !== undefined) {
      throw new PlumpError('BOOT_SERVER', `network ${this.#plan.network} serves another ISO already`, { fix: 'put the node on another network: --nic virtio-net-pci@1' })
    }
    this.#iso = iso
    const { network, bootServer, prefixLength } = this.#plan
    const outer = `boot${network}`
    const logFile = join(this.#folder, `boot-${network}.log`)
    const log = openSync(logFile, 'a')
    const verb = ['serve', iso, '--interface', 'lan', '--json', ...(options.alone ? ['--dhcp', bootServer.replace(/\d+$/, `0/${prefixLength}`)] : [])]
    const main = join(import.meta.dirname, '../cli/main.ts')
    const server = spawn('unshare', [
      '--net', 'sh', join(import.meta.dirname, 'dhcp-wire.sh'), outer, `${bootServer}/${prefixLength}`,
      process.execPath, '--disable-warning=ExperimentalWarning', main, ...verb,
    ], { stdio: ['ignore', 'pipe', log], env: { ...process.env, TMPDIR: this.#folder } })
    closeSync(log)
    const events = openSync(join(this.#folder, `boot-${network}-events.log`), 'a')
    await this.#serving(server, outer, logFile, events)
  }

  #serving(server: ChildProcess, outer: string, logFile: string, events: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const failed = (): void => {
        const told = readFileSync(logFile, 'utf8').trim().slice(-LOG_TAIL_CHARS)
        reject(new PlumpError('BOOT_SERVER', `the boot server of network ${this.#plan.network} did not start: ${told}`, { fix: './plump doctor --fix' }))
      }
      server.once('error', failed)
      server.once('exit', failed)
      if (!server.stdout) return
      onLines(server.stdout, LINE_LIMIT_BYTES, (line) => {
        if (line === 'wired') wire(outer, this.#plan).catch(failed)
        else writeSync(events, `${line}\n`)
        if (line.includes('"event":"serving"')) resolve()
      })
    })
  }
}
