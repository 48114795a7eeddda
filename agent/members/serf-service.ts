import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Log } from '../log.ts'
import { readTextIfThere, writeAtomically } from '../os/files.ts'
import { processOfPidFile, signalProcess } from '../os/processes.ts'
import { nowMs } from '../os/clock.ts'
import { isSameService, serfConfigSchema, SERF_RPC, type SerfConfig } from './serf-config.ts'
import { connectSerf, SerfRefused, type SerfRpc } from './serf-rpc.ts'

/** Init starts serf within a second; until then each try costs one refused connection on the loopback. */
const CONNECT_PAUSE_MS = 50
const SLOW_CONNECT_PAUSE_MS = 500
const QUICK_CONNECT_TRIES = 200
/** How long nobody answers before the console is told. */
const SILENCE_TOLD_MS = 15_000
/** A serf with another configuration that did not leave when asked is ended; it says goodbye by itself, which takes some seconds. */
const STRAY_PAUSE_MS = 6_000

export interface ServicePaths {
  /** serf.json, which init's serve-serf waits for. */
  configFile: string
  pidFile: string
  /** The pipe at which serve-serf waits. */
  bell: string
}

export interface ServiceEvents {
  connected(rpc: SerfRpc): void
  lost(): void
  /** Nobody has answered for a while; false when that is over. */
  silent(isSilent: boolean): void
}

/** serf.json as it lies there now; undefined when there is none or it is not ours. */
export function readSerfConfig(file: string): SerfConfig | undefined {
  try {
    return serfConfigSchema.safeParse(JSON.parse(readTextIfThere(file) ?? 'null')).data
  } catch {
    return undefined
  }
}

/**
 * Keeps the serf that init runs at the wanted configuration and connected. One that already serves it is only connected to, so that a restart of
 * the agent goes unnoticed by the cluster; another is asked to leave, and init starts it anew with the new file.
 */
export class SerfService {
  readonly #paths: ServicePaths
  readonly #events: ServiceEvents
  readonly #log: Log
  #wanted: SerfConfig | undefined
  #rpc: SerfRpc | undefined
  #wake: (() => void) | undefined
  #running = false
  #stopped = false

  constructor(paths: ServicePaths, events: ServiceEvents, log: Log) {
    this.#paths = paths
    this.#events = events
    this.#log = log
  }

  /** From now on serf is to run with `config`; its RPC key is replaced by that of the file when that serves it already. */
  want(config: SerfConfig): void {
    const restart = this.#wanted === undefined || !isSameService(this.#wanted, config)
    if (!restart && this.#wanted) {
      this.#wanted = { ...config, rpc_auth: this.#wanted.rpc_auth }
      this.#write(this.#wanted)
      this.#rpc?.setTags(config.tags).catch((error: unknown) => this.#log.warn(`tags: ${text(error)}`))
      return
    }
    this.#wanted = config
    this.#wake?.()
    if (this.#running) return
    this.#running = true
    this.#keepRunning().catch((error: unknown) => this.#log.warn(`stopped: ${text(error)}`))
  }

  /** For further connections to the serf that runs. */
  get rpcKey(): string {
    return this.#wanted?.rpc_auth ?? ''
  }

  /** Closes the connection; serf goes on. */
  stop(): void {
    this.#stopped = true
    this.#wake?.()
    this.#rpc?.close()
  }

  async #keepRunning(): Promise<void> {
    while (!this.#stopped && this.#wanted) {
      const wanted = await this.#prepare(this.#wanted)
      const rpc = await this.#connect(wanted)
      if (!rpc) continue
      if (this.#stopped || !isSameService(this.#wanted, wanted)) {
        rpc.close()
        continue
      }
      this.#rpc = rpc
      this.#events.connected(rpc)
      await Promise.race([rpc.closed, this.#changed()])
      rpc.close()
      this.#rpc = undefined
      this.#events.lost()
      if (!this.#stopped && isSameService(this.#wanted, wanted)) this.#log.warn('serf ended; init starts it again')
    }
  }

  /** Puts the configuration in place; a serf that runs with another is told to leave. */
  async #prepare(config: SerfConfig): Promise<SerfConfig> {
    const before = readSerfConfig(this.#paths.configFile)
    const isServed = before !== undefined && isSameService(before, config)
    const wanted = isServed ? { ...config, rpc_auth: before.rpc_auth } : config
    this.#wanted = wanted
    this.#write(wanted)
    if (before && !isServed) await this.#askToLeave(before)
    return wanted
  }

  async #askToLeave(config: SerfConfig): Promise<void> {
    try {
      const rpc = await connectSerf(SERF_RPC, config.rpc_auth)
      this.#log.info(`${config.node_name} leaves, to come back as ${this.#wanted?.node_name ?? 'another'}`)
      await rpc.leave()
      await rpc.closed
    } catch (error) {
      // Not running is what was wanted; one that runs and refuses is ended by #connect.
      this.#log.info(`leave: ${text(error)}`)
    }
  }

  async #connect(wanted: SerfConfig): Promise<SerfRpc | undefined> {
    const startMs = nowMs()
    let told = false
    try {
      for (let tries = 1; !this.#stopped && this.#wanted && isSameService(this.#wanted, wanted); tries++) {
        try {
          return await connectSerf(SERF_RPC, wanted.rpc_auth)
        } catch (error) {
          if (error instanceof SerfRefused && error.wrongKey) await this.#endStray()
        }
        if (!told && nowMs() - startMs > SILENCE_TOLD_MS) {
          told = true
          this.#events.silent(true)
        }
        await pause(tries < QUICK_CONNECT_TRIES ? CONNECT_PAUSE_MS : SLOW_CONNECT_PAUSE_MS)
      }
      return undefined
    } finally {
      if (told) this.#events.silent(false)
    }
  }

  async #endStray(): Promise<void> {
    const pid = processOfPidFile(this.#paths.pidFile, ['agent', '-config-file'])
    this.#log.warn(`a serf with another configuration answers${pid === undefined ? '' : `; process ${pid} is ended`}`)
    if (pid !== undefined) signalProcess(pid, 'SIGTERM')
    await pause(STRAY_PAUSE_MS)
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #write(config: SerfConfig): void {
    const content = `${JSON.stringify(config, undefined, 2)}\n`
    if (readTextIfThere(this.#paths.configFile) === content) return
    writeAtomically(this.#paths.configFile, content, 0o600)
    ring(this.#paths.bell)
  }
}

/** Wakes serve-serf, which waits at the bell while there is no configuration; when nobody waits, nobody needs to hear it. */
function ring(bell: string): void {
  try {
    const pipe = openSync(bell, constants.O_WRONLY | constants.O_NONBLOCK)
    writeSync(pipe, '\n')
    closeSync(pipe)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENXIO' && code !== 'ENOENT') throw error
  }
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
