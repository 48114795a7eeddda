import { existsSync } from 'node:fs'
import type { AgentContext, Capability } from '../capability.ts'
import { run } from '../os/run.ts'
import { readCarrierChanges, readInterfaces, readNetworkDevices, type NicInterface } from './inventory.ts'
import { ModuleLoader, probeAgain, readModaliases } from './modules.ts'
import { findMissingFirmware, reportNics, waitingForCard } from './report.ts'
import { followUevents, type Uevent } from './uevents.ts'

/** rootfs-overlay/usr/lib/plump/coldplug makes it when the first pass, begun before this agent, has ended. */
const HEAD_START_DONE = '/run/plump/coldplug.done'
const HEAD_START_LIMIT_MS = 20_000
const HEAD_START_CHECK_MS = 50
const GLANCE_EVERY_MS = 250
/** Between two full looks at most; things that no event tells of (a speed that settles) show then. */
const LOOK_EVERY_MS = 5_000
/** Devices behind devices (a USB hub's, a virtio function's) take one pass each; deeper nesting is left to hotplug. */
const COLDPLUG_PASSES = 8
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
  #isAnnounced = false
  #isStopped = false
  #stopUevents = (): void => {}
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
    this.#stopUevents()
  }

  async coldplug(): Promise<void> {
    await this.#headStart()
    if (this.#isStopped) return
    // The cards that are there come before the repeated passes: those cost time, and most often bring nothing.
    this.#look()
    this.#announce()
    // Each event costs a program's run, so only from here on; what came before is on the buses, which are read next.
    this.#stopUevents = followUevents((event) => this.#onEvent(event), (message) => this.#log.warn(message))
    for (let pass = 0; pass < COLDPLUG_PASSES && await this.#modules.load(readModaliases()); pass += 1) this.#look()
    await this.#probeAgain()
    await this.#readMissingFirmware()
    for (const [busId, file] of this.#missingFirmware) this.#log.warn(`${busId} asked for firmware ${file}, which this image does not have`)
    this.#look()
  }

  /** Waits for the end of the pass begun before the agent, with a limit: a driver stuck in its probe must not stop the others. */
  async #headStart(): Promise<void> {
    for (let waitedMs = 0; waitedMs < HEAD_START_LIMIT_MS && !existsSync(HEAD_START_DONE) && !this.#isStopped; waitedMs += HEAD_START_CHECK_MS) {
      await new Promise((resolve) => setTimeout(resolve, HEAD_START_CHECK_MS))
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

  /** Carriers come and go without an event: four times a second their counters are compared, which costs next to nothing. */
  #glance(): void {
    const hasChanged = [...this.#carrierChanges].some(([name, changes]) => readCarrierChanges(name) !== changes)
    if (hasChanged || (this.#isAnnounced && this.#context.nowMs() - this.#lookedMs >= LOOK_EVERY_MS)) this.#look()
  }

  #look(): void {
    const { state, nowMs } = this.#context
    this.#lookedMs = nowMs()
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

  #bringUp(nic: NicInterface): void {
    this.#log.info(`${nic.name} is ${nic.busId} ${nic.vendorDevice ?? ''}, driver ${nic.module}, ${nic.mac}`)
    run('/usr/bin/busybox', ['ip', 'link', 'set', nic.name, 'up']).catch((error: unknown) => this.#log.warn(String(error)))
  }

  #hasFlapped(nic: NicInterface): boolean {
    const before = this.#carrierChanges.get(nic.name)
    return before !== undefined && nic.carrier && nic.carrierChanges - before >= 2
  }
}
