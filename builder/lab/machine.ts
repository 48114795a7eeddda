import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { EXIT, PlumpError } from '../errors.ts'
import { chooseAccelerator } from './accelerator.ts'
import { ExecChannel } from './exec-channel.ts'
import { prepareFlash } from './firmware.ts'
import { chordsOf, sendKeyArguments } from './keyboard.ts'
import { addTap, macAddress, tapName } from './network.ts'
import type { MachineConfig, Nic } from './options.ts'
import { HOTPLUG_PORTS, isUsb, MEDIUM_DEVICE, nicDeviceAdd, qemuArguments, type MachineNic } from './qemu-arguments.ts'
import { Qmp } from './qmp.ts'
import { connectWhenThere } from './sockets.ts'

const SOCKET_LIMIT_MS = 30_000
const QEMU_LOG_TAIL_CHARS = 1_000

/** A card, where its wire goes, and whether the guest sees a carrier. */
export interface WiredNic extends MachineNic {
  index: number
  network: number | null
  /** false while the wire is cut inside the switch. */
  wired: boolean
  carrier: boolean
  /** Root port of a card plugged in later. */
  port: string | undefined
}

interface Running {
  qemu: ChildProcess
  qmp: Qmp
  exec: ExecChannel
}

/** One virtual PC: its cards and taps live as long as the lab, its QEMU process from one start to the next power-off. */
export class Machine {
  readonly number: number
  readonly folder: string
  readonly config: MachineConfig
  readonly nics: WiredNic[] = []
  boots = 0
  #running: Running | undefined
  #sticks = 0

  constructor(number: number, folder: string, config: MachineConfig) {
    this.number = number
    this.folder = folder
    this.config = config
  }

  get state(): 'running' | 'off' {
    return this.#running ? 'running' : 'off'
  }

  get serialLog(): string {
    return join(this.folder, `serial-${this.boots}.log`)
  }

  /** Makes the machine's folder and its taps; they are on no network yet. */
  async prepare(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    for (const nic of this.config.nics) await this.#addNic(nic, undefined)
  }

  async #addNic(nic: Nic, port: string | undefined): Promise<WiredNic> {
    const index = this.nics.length
    const wired: WiredNic = {
      index, id: `nic${index}`, model: nic.model, mac: macAddress(this.number, index), tap: tapName(this.number, index),
      network: nic.network, wired: nic.network !== null, carrier: nic.network !== null, port,
    }
    await addTap(wired.tap)
    this.nics.push(wired)
    return wired
  }

  /** Switches the machine on. Throws PlumpError QEMU with QEMU's own words when it does not start. */
  async start(): Promise<void> {
    if (this.#running) throw new PlumpError('NODE_RUNS', `node ${this.number} runs already`, { fix: `./plump lab kill ${this.number} switches it off` })
    this.boots += 1
    const files = {
      qmp: join(this.folder, 'qmp'), exec: join(this.folder, 'exec'), serial: join(this.folder, 'serial'), serialLog: this.serialLog,
    }
    for (const socket of [files.qmp, files.exec, files.serial]) await rm(socket, { force: true })
    const flash = await prepareFlash(this.config.firmware, join(this.folder, 'variables.fd'))
    const boot = this.nics.filter((nic) => nic.port === undefined)
    const qemu = await this.#spawn(qemuArguments(this.config, boot, { ...files, ...(flash ? { flash } : {}) }, await chooseAccelerator()))
    try {
      const gone = (): boolean => qemu.exitCode !== null || qemu.signalCode !== null
      const exec = new ExecChannel(await connectWhenThere(files.exec, SOCKET_LIMIT_MS, gone))
      const qmp = await Qmp.open(await connectWhenThere(files.qmp, SOCKET_LIMIT_MS, gone))
      this.#running = { qemu, qmp, exec }
      for (const nic of this.nics.filter((one) => one.port !== undefined)) await this.#attach(nic)
      for (const nic of this.nics) if (!nic.carrier) await this.setCarrier(nic, false)
      await qmp.execute('cont')
    } catch (error) {
      qemu.kill('SIGKILL')
      this.#running = undefined
      const told = readFileSync(join(this.folder, 'qemu.log'), 'utf8').trim().slice(-QEMU_LOG_TAIL_CHARS)
      throw new PlumpError('QEMU', `node ${this.number} did not start: ${told || (error instanceof Error ? error.message : String(error))}`, {
        fix: 'qemu-system-x86_64 -device help lists the network card models; less memory (--mem) or fewer nodes may be needed',
        exitCode: EXIT.bootOrTestFailed, cause: error,
      })
    }
  }

  async #spawn(args: string[]): Promise<ChildProcess> {
    const log = openSync(join(this.folder, 'qemu.log'), 'a')
    const qemu = spawn('qemu-system-x86_64', args, { stdio: ['ignore', log, log] })
    closeSync(log)
    qemu.on('exit', () => {
      if (this.#running?.qemu === qemu) this.#running = undefined
    })
    await once(qemu, 'spawn')
    return qemu
  }

  /** Pulls the power cord. Nothing happens when the machine is off. */
  async kill(): Promise<void> {
    const running = this.#running
    if (!running) return
    const gone = once(running.qemu, 'exit')
    running.qemu.kill('SIGKILL')
    await gone
  }

  /** Presses the power button: the system is told of it (ACPI) and does what it is set to do. */
  async pressPower(): Promise<void> {
    await this.running().qmp.execute('system_powerdown')
  }

  /** Makes the guest see, or miss, a carrier; drivers of cards that cannot tell (ne2k_pci, usb-net) see nothing. */
  async setCarrier(nic: WiredNic, up: boolean): Promise<void> {
    nic.carrier = up
    await this.#running?.qmp.execute('set_link', { name: nic.id, up })
  }

  /** Plugs another card into the machine, running or not; it stays over later starts. */
  async plug(nic: Nic): Promise<WiredNic> {
    const free = HOTPLUG_PORTS.find((port) => this.nics.every((other) => other.port !== port))
    const port = isUsb(nic.model) ? 'xhci' : free
    if (port === undefined) throw new PlumpError('NO_SLOT', `node ${this.number} has no free slot`, { fix: 'plug a usb-net, or add a node with more --nic' })
    const wired = await this.#addNic(nic, port)
    if (this.#running) await this.#attach(wired)
    return wired
  }

  /** Plugs a file in as a USB stick until the machine is switched off. */
  async plugDisk(file: string, writable: boolean): Promise<void> {
    const { qmp } = this.running()
    const id = `stick${this.#sticks++}`
    await qmp.execute('blockdev-add', { 'node-name': id, driver: 'raw', 'read-only': !writable, file: { driver: 'file', filename: file } })
    await qmp.execute('device_add', { driver: 'usb-storage', id: `${id}-device`, drive: id, bus: 'xhci.0', removable: true })
  }

  /**
   * Takes the boot medium away: the disc, by the button of its drive, which does nothing while the system has the drive locked; or the
   * USB disk, which nothing can hold. Throws PlumpError HELD.
   */
  async eject(): Promise<void> {
    const { qmp } = this.running()
    const { kind } = this.config.medium
    if (kind === 'kernel' || kind === 'network') throw new PlumpError('NO_MEDIUM', `node ${this.number} was started without a medium that could be taken out`, { fix: 'start it with --medium cd or disk' })
    if (kind === 'disk') return void (await qmp.execute('device_del', { id: MEDIUM_DEVICE }))
    await qmp.execute('eject', { id: MEDIUM_DEVICE }).catch((error: unknown) => {
      throw new PlumpError('HELD', `node ${this.number} has its disc locked in the drive`, { fix: 'start it with the entry "copy to RAM" of the boot menu', exitCode: EXIT.bootOrTestFailed, cause: error })
    })
  }

  /** Types a text on the machine's keyboard, which writes to the screen that is in front. Throws PlumpError USAGE. */
  async type(text: string): Promise<void> {
    const { qmp } = this.running()
    for (const chord of chordsOf(text)) {
      const { parameters, pauseMs } = sendKeyArguments(chord)
      await qmp.execute('send-key', parameters)
      await delay(pauseMs)
    }
  }

  async #attach(nic: WiredNic): Promise<void> {
    const { qmp } = this.running()
    await qmp.execute('netdev_add', { type: 'tap', id: `${nic.id}-wire`, ifname: nic.tap, script: 'no', downscript: 'no' })
    await qmp.execute('device_add', nicDeviceAdd(nic, nic.port ?? ''))
    if (!nic.carrier) await this.setCarrier(nic, false)
  }

  /** The machine's control and exec channels. Throws PlumpError NODE_OFF. */
  running(): Running {
    if (this.#running) return this.#running
    throw new PlumpError('NODE_OFF', `node ${this.number} is off`, { fix: `./plump lab start ${this.number}` })
  }
}
