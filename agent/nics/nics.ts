import { existsSync } from 'node:fs'
import type { AgentContext, Capability } from '../capability.ts'
import { readTextIfThere } from '../os/files.ts'
import { run } from '../os/run.ts'
import { readInterfaces, readNetworkDevices, readPulse, type NicInterface } from './inventory.ts'
import { ModuleLoader, probeAgain, readModaliases } from './modules.ts'
import { findMissingFirmware, reportNics, waitingForCard } from './report.ts'
import { followUevents, type Uevent } from './uevents.ts'

/** rootfs-overlay/usr/lib/plump/coldplug makes it when the first pass, begun before this agent, has ended; the modaliases it dealt with are in it. */
const HEAD_START_DONE = '/run/plump/coldplug.done'
const HEAD_START_LIMIT_MS = 20_000
const HEAD_START_CHECK_MS = 50
/** rootfs-overlay/usr/lib/plump/settle makes it when the last modules of the boot are loaded. */
const SETTLE_DONE = '/run/plump/settle.done'
const SETTLE_LIMIT_MS = 60_000
const PASS_EVERY_MS = 2_000
const GLANCE_EVERY_MS = 500
/** Between two full looks at most; things that no event tells of (a speed that settles) show then. */
const LOOK_EVERY_MS = 30_000
const LOOK_FOR_A_FIRST_EVERY_MS = 5_000
/** Events come in swarms; one modprobe call takes them all. */
const HOTPLUG_GATHER_MS = 50
/** Cards on slow buses may take this long to appear before their absence is worth a line on the console. */
const QUIET_START_MS = 5_000

/**
 * Finds the node's network cards: loads the modules of everything on every bus until nothing new appears, follows
 * hotplug, brings each card up so that its carrier shows, and keeps state `nics` current. Prints stage `nics` when the
 * first round is through, whether or not there is a card or a carrier.
 */
export function startNics(context: AgentContext): Capability {
  const watch = new NicWatch(context)
  watch.coldplug().catch((error: unknown) => context.log.named('nics').warn(String(error)))
  return { stop: () => watch.stop() }
}

class NicWatch {
  readonly #context: AgentContext
  readonly #log: AgentContext['log']
  readonly #startedMs: number
  readonly #modules = new ModuleLoader()
  readonly #glancing: NodeJS.Timeout
  /** Interfaces brought up, and how often the carrier of each had changed at the last look. */
  #carrierChanges = new Map<string, number>()
  #missingFirmware = new Map<string, string>()
  #lookedMs = 0
  #pulse = ''
  #isAnnounced = false
  #isStopped = false
  #stopUevents: (() => void) | undefined
  /** Aliases of a swarm of events that is still under way. */
  #gathered: string[] = []
  #gathering: NodeJS.Timeout | undefined

  constructor(context: AgentContext) {
    this.#context = context
    this.#log = context.log.named('nics')
    this.#startedMs = context.nowMs()
    this.#glancing = setInterval(() => this.#glance(), GLANCE_EVERY_MS)
  }

  stop(): void {
    this.#isStopped = true
    clearInterval(this.#glancing)
    clearTimeout(this.#gathering)
    this.#stopUevents?.()
  }

  async coldplug(): Promise<void> {
    await this.#until(HEAD_START_DONE, HEAD_START_CHECK_MS, HEAD_START_LIMIT_MS)
    this.#modules.skip((readTextIfThere(HEAD_START_DONE) ?? '').split('\n'))
    this.#look()
    this.#announce()
    // A program is run for each event, and a booting node has hundreds of them, so until it has settled the buses are read instead.
    await this.#until(SETTLE_DONE, PASS_EVERY_MS, SETTLE_LIMIT_MS, () => this.#pass())
    if (this.#isStopped) return
    this.#stopUevents = followUevents((event) => this.#onEvent(event), (message) => this.#log.warn(message))
    await this.#pass()
    await this.#probeAgain()
    await this.#readMissingFirmware()
    for (const [busId, file] of this.#missingFirmware) this.#log.warn(`${busId} asked for firmware ${file}, which this image does not have`)
    this.#look()
  }

  /** Loads what the devices on all buses ask for, until no new one appears: a device may show others behind it. */
  async #pass(): Promise<void> {
    while (!this.#isStopped && await this.#modules.load(readModaliases())) this.#look()
  }

  /** Waits for a file that the boot makes, with a limit: a driver stuck in its probe must not stop the others. */
  async #until(file: string, checkMs: number, limitMs: number, meanwhile = async (): Promise<void> => {}): Promise<void> {
    for (let waitedMs = 0; waitedMs < limitMs && !existsSync(file) && !this.#isStopped; waitedMs += checkMs) {
      await meanwhile()
      await new Promise((resolve) => setTimeout(resolve, checkMs))
    }
  }

  #announce(): void {
    this.#isAnnounced = true
    const nics = this.#context.state.get('nics')
    this.#context.stage('nics', { n: String(nics.length), up: String(nics.filter((nic) => nic.carrier).length) })
  }

  /** Cards whose driver gave up, maybe because the PHY driver came only after it, get a second chance. */
  async #probeAgain(): Promise<void> {
    const driven = new Set(readInterfaces().map((nic) => nic.busId))
    const idle = readNetworkDevices().map((device) => device.busId).filter((busId) => busId.startsWith('pci:') && !driven.has(busId))
    await probeAgain(idle.map((busId) => busId.slice('pci:'.length))).catch((error: unknown) => this.#log.warn(`second probe: ${String(error)}`))
  }

  async #readMissingFirmware(): Promise<void> {
    this.#missingFirmware = findMissingFirmware(await run('/usr/bin/busybox', ['dmesg']))
  }

  #onEvent(event: Uevent): void {
    if (event.action === 'remove' && event.modalias) this.#modules.forget(event.modalias)
    if (event.action === 'add' && event.modalias) this.#gathered.push(event.modalias)
    else if (event.subsystem !== 'net') return
    this.#gathering ??= setTimeout(() => {
      this.#gathering = undefined
      this.#settle(this.#gathered.splice(0)).catch((error: unknown) => this.#log.warn(String(error)))
    }, HOTPLUG_GATHER_MS)
  }

  async #settle(aliases: readonly string[]): Promise<void> {
    if (await this.#modules.load(aliases)) await this.#readMissingFirmware()
    this.#look()
  }

  /** Carriers come and go without an event: twice a second a few counters are compared, which costs next to nothing. */
  #glance(): void {
    if (!this.#isAnnounced) return
    const lookEveryMs = this.#carrierChanges.size > 0 ? LOOK_EVERY_MS : LOOK_FOR_A_FIRST_EVERY_MS
    if (this.#readPulse() !== this.#pulse || this.#context.nowMs() - this.#lookedMs >= lookEveryMs) this.#look()
  }

  #look(): void {
    const { state, nowMs } = this.#context
    this.#lookedMs = nowMs()
    // Before anything else is read: what changes meanwhile shows at the next glance, and so does, once, a card that is new.
    this.#pulse = this.#readPulse()
    const interfaces = readInterfaces()
    for (const nic of interfaces) if (!this.#carrierChanges.has(nic.name)) this.#bringUp(nic)
    const flapped = new Set(interfaces.filter((nic) => this.#hasFlapped(nic)).map((nic) => nic.name))
    this.#carrierChanges = new Map(interfaces.map((nic) => [nic.name, nic.carrierChanges]))

    const report = reportNics(interfaces, readNetworkDevices(), this.#missingFirmware)
    // Watchers act on a carrier that went; one that went and came back between two looks must not pass unseen.
    if (flapped.size > 0) state.set('nics', report.map((nic) => (flapped.has(nic.interface ?? '') ? { ...nic, carrier: false } : nic)))
    state.set('nics', report)
    const isQuiet = nowMs() - this.#startedMs < QUIET_START_MS
    state.setWaiting('nics', isQuiet ? undefined : waitingForCard(report))
  }

  /** Of the cards alone once events tell of new ones. */
  #readPulse(): string {
    return readPulse(this.#stopUevents && this.#carrierChanges.keys())
  }

  #bringUp(nic: NicInterface): void {
    this.#log.info(`${nic.name} is ${nic.busId} ${nic.vendorDevice ?? ''}, driver ${nic.module}, ${nic.mac}`)
    run('/usr/bin/busybox', ['ip', 'link', 'set', nic.name, 'up']).catch((error: unknown) => this.#log.warn(String(error)))
  }

  #hasFlapped(nic: NicInterface): boolean {
    const before = this.#carrierChanges.get(nic.name)
    return before !== undefined && nic.carrier && nic.carrierChanges - before >= 2
  }
}
