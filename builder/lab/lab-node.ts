import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Stage, StageLine } from '../../schema/stage-line.ts'
import { EXIT, PlumpError } from '../errors.ts'
import { call } from './control-client.ts'
import { labStatusSchema, type NodeStatus, type Request } from './control-protocol.ts'
import { parseNics } from './options.ts'
import { connectOnce } from './sockets.ts'
import { bootStages, logTail, stripVTControls } from './stage-log.ts'

const POLL_MS = 100
/** How often a waiting caller asks whether the machine is still on. */
const ALIVE_POLL_MS = 2_000
const STAGE_LIMIT_SECONDS = 240
const EXEC_LIMIT_SECONDS = 60

export interface ExecResult {
  exitCode: number
  stdout: string
  stderr: string
}

export interface ExecOptions {
  limitSeconds?: number
  /** Gets the output as it comes; it is in the result all the same. */
  onOutput?: (stream: 'stdout' | 'stderr', bytes: Buffer) => void
  signal?: AbortSignal
}

export interface WaitOptions {
  limitSeconds?: number
  signal?: AbortSignal
}

/** One node of a lab; every method throws PlumpError. */
export class LabNode {
  readonly number: number
  readonly #folder: string

  constructor(number: number, folder: string) {
    this.number = number
    this.#folder = folder
  }

  async status(): Promise<NodeStatus> {
    const { nodes } = labStatusSchema.parse(await this.#call({ verb: 'status' }))
    const status = nodes.find((node) => node.node === this.number)
    if (!status) throw new PlumpError('NO_NODE', `there is no node ${this.number} in this lab`, { fix: './plump lab ls shows those there are' })
    return status
  }

  /** Everything the present (or last) boot wrote to the serial console, escape sequences and all. */
  async serialText(): Promise<string> {
    return await readLog((await this.status()).serialLog)
  }

  /** Stage lines of the present boot so far. */
  async stages(): Promise<StageLine[]> {
    return bootStages(await this.serialText())
  }

  /** Waits for the newest stage line of that name that satisfies `where` (default: any). Throws LAB_TIMEOUT, with the end of the log, or NODE_OFF. */
  async waitForStage(stage: Stage, options: WaitOptions & { where?: (line: StageLine) => boolean } = {}): Promise<StageLine> {
    const { where = () => true } = options
    return await this.#waitFor(`stage "${stage}"`, options, (text) => bootStages(text).findLast((line) => line.stage === stage && where(line)))
  }

  /** Waits for text on the serial console that matches, escape sequences removed; gives the match. */
  async waitForText(pattern: RegExp, options: WaitOptions = {}): Promise<RegExpExecArray> {
    return await this.#waitFor(String(pattern), options, (text) => pattern.exec(stripVTControls(text)) ?? undefined)
  }

  async #waitFor<Found>(what: string, options: WaitOptions, find: (text: string) => Found | undefined): Promise<Found> {
    const limitSeconds = options.limitSeconds ?? STAGE_LIMIT_SECONDS
    const end = Date.now() + limitSeconds * 1000
    let status = await this.status()
    let asked = Date.now()
    for (;;) {
      const text = await readLog(status.serialLog)
      const found = find(text)
      if (found !== undefined) return found
      if (status.state === 'off') throw this.#waitError('NODE_OFF', `node ${this.number} is off; waited for ${what}`, text)
      if (Date.now() > end) throw this.#waitError('LAB_TIMEOUT', `node ${this.number}: no ${what} within ${limitSeconds} s`, text)
      if (options.signal?.aborted) throw new PlumpError('INTERRUPTED', 'stopped', { fix: 'run the command again', exitCode: EXIT.interrupted })
      await delay(POLL_MS)
      if (Date.now() - asked > ALIVE_POLL_MS) {
        status = await this.status()
        asked = Date.now()
      }
    }
  }

  #waitError(code: string, message: string, text: string): PlumpError {
    const tail = logTail(text)
    return new PlumpError(code, `${message}\n${tail === '' ? '    (the serial console is empty)' : tail}`, {
      fix: `./plump lab log ${this.number} shows all of it; ./plump lab console ${this.number} goes there`, exitCode: EXIT.bootOrTestFailed,
    })
  }

  /**
   * Runs a shell command on the node as root, over a port that needs no network; waits for the node to boot when it must.
   * A command that fails is no error: look at `exitCode`. Throws EXEC when there is no end within the limit (60 s) or the node goes off.
   */
  async exec(command: string, options: ExecOptions = {}): Promise<ExecResult> {
    const output: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] }
    const onOutput = (stream: 'stdout' | 'stderr', bytes: Buffer): void => {
      output[stream].push(bytes)
      options.onOutput?.(stream, bytes)
    }
    const limitMs = (options.limitSeconds ?? EXEC_LIMIT_SECONDS) * 1000
    const request: Request = { verb: 'exec', node: this.number, command, limitMs }
    const exitCode = await call(this.#control, request, { onOutput, ...(options.signal ? { signal: options.signal } : {}) })
    return { exitCode: Number(exitCode), stdout: Buffer.concat(output.stdout).toString('utf8'), stderr: Buffer.concat(output.stderr).toString('utf8') }
  }

  /** Cuts the wires (or that of one card) inside the switch; with `carrier` the guest sees it too. */
  async cut(options: { nic?: number; carrier?: boolean } = {}): Promise<void> {
    await this.#call({ verb: 'cut', node: this.number, carrier: options.carrier ?? false, ...(options.nic === undefined ? {} : { nic: options.nic }) })
  }

  /** Undoes a cut; with `nic` and `network` it plugs that card's wire in there, `@none` cards included. */
  async heal(options: { nic?: number; network?: number } = {}): Promise<void> {
    await this.#call({ ...options, verb: 'heal', node: this.number })
  }

  /** Pulls the power cord. */
  async kill(): Promise<void> {
    await this.#call({ verb: 'kill', node: this.number })
  }

  /** Presses its power button, as a person who is done with the machine does. */
  async pressPower(): Promise<void> {
    await this.#call({ verb: 'pressPower', node: this.number })
  }

  /** Switches the node on again, with the same cards and addresses. */
  async start(): Promise<void> {
    await this.#call({ verb: 'start', node: this.number })
  }

  /** Plugs in a network card, `MODEL[@NETWORK|@none]`, while the node runs. */
  async plug(card: string): Promise<void> {
    for (const nic of parseNics(card)) await this.#call({ verb: 'plug', node: this.number, card: nic })
  }

  /** Plugs an image file in as a USB stick until the node is switched off; read-only unless `writable`. */
  async plugDisk(file: string, options: { writable?: boolean } = {}): Promise<void> {
    await this.#call({ verb: 'plugDisk', node: this.number, file: resolve(file), writable: options.writable ?? false })
  }

  /** Takes the CD out of the drive, or pulls the USB disk the node was started from. Throws HELD when the node has the disc locked in. */
  async eject(): Promise<void> {
    await this.#call({ verb: 'eject', node: this.number })
  }

  /** Types on the node's keyboard (US layout, a line break is Enter), into the console that is in front. */
  async type(text: string): Promise<void> {
    await this.#call({ verb: 'type', node: this.number, text })
  }

  /** Types on the node's serial console, as a person on the other end of the line; `\r` is Enter there. */
  async typeSerial(text: string): Promise<void> {
    const socket = await connectOnce(join((await this.status()).folder, 'serial'))
    await new Promise<void>((done) => socket.end(text, () => done()))
  }

  /** Writes what is on the node's screen to a PNG file. */
  async screendump(file: string): Promise<void> {
    await this.#call({ verb: 'screendump', node: this.number, file: resolve(file) })
  }

  get #control(): string {
    return join(this.#folder, 'control')
  }

  async #call(request: Request): Promise<unknown> {
    return await call(this.#control, request)
  }
}

/** A machine that was only just switched on has no log yet. */
async function readLog(file: string): Promise<string> {
  return existsSync(file) ? await readFile(file, 'utf8') : ''
}
