import type { Duplex } from 'node:stream'
import { LINE_LIMIT_BYTES, parseNodeLine, runLine, stopLine } from './exec-protocol.ts'
import { onLines } from './lines.ts'

/** How long after `stop` the end of a command is waited for before it is given up. */
const STOP_GRACE_MS = 5_000
const RUNNING_LIMIT = 64

export interface ExecListener {
  output(stream: 'stdout' | 'stderr', bytes: Buffer): void
  /** The command's exit code, or why there is none. Called once, last. */
  end(result: { exitCode: number } | { failure: string }): void
}

interface Running {
  command: string
  listener: ExecListener
  sent: boolean
  timer: NodeJS.Timeout
}

/** The lab's end of one node's exec port (protocol: exec-protocol.ts). Commands given before the node is up wait for it. */
export class ExecChannel {
  #running = new Map<number, Running>()
  #nextId = 1
  #ready = false
  readonly #port: Duplex

  constructor(port: Duplex) {
    this.#port = port
    onLines(port, LINE_LIMIT_BYTES, (line) => this.#receive(line))
    port.on('error', () => this.#failAll('the connection to the node broke'))
    port.on('close', () => this.#failAll('the node was switched off'))
  }

  /** Starts a command; gives the function that stops it. `limitMs` counts from now, waiting for the node included. */
  run(command: string, limitMs: number, listener: ExecListener): () => void {
    if (this.#port.destroyed || this.#running.size >= RUNNING_LIMIT) {
      listener.end({ failure: this.#port.destroyed ? 'the node is off' : `${RUNNING_LIMIT} commands run already` })
      return () => undefined
    }
    const id = this.#nextId++
    const why = `no end within ${limitMs / 1000} s`
    this.#running.set(id, { command, listener, sent: false, timer: setTimeout(() => this.#stop(id, why), limitMs) })
    if (this.#ready) this.#send(id)
    return () => this.#stop(id, 'stopped')
  }

  #send(id: number): void {
    const running = this.#running.get(id)
    if (!running) return
    running.sent = true
    this.#port.write(runLine(id, running.command))
  }

  #stop(id: number, why: string): void {
    const running = this.#running.get(id)
    if (!running) return
    clearTimeout(running.timer)
    if (!running.sent) return this.#end(id, { failure: `${why}: lab-exec on the node has not reported` })
    this.#port.write(stopLine(id))
    const finish = running.listener.end.bind(running.listener)
    running.listener = { ...running.listener, output: running.listener.output.bind(running.listener), end: () => finish({ failure: why }) }
    running.timer = setTimeout(() => this.#end(id, { failure: why }), STOP_GRACE_MS)
  }

  #end(id: number, result: { exitCode: number } | { failure: string }): void {
    const running = this.#running.get(id)
    if (!running) return
    clearTimeout(running.timer)
    this.#running.delete(id)
    running.listener.end(result)
  }

  #receive(line: string): void {
    const message = parseNodeLine(line)
    if (!message) return
    switch (message.kind) {
      case 'hello':
        this.#ready = true
        for (const [id, running] of this.#running) {
          if (running.sent) this.#end(id, { failure: 'lab-exec on the node was restarted' })
          else this.#send(id)
        }
        return
      case 'output':
        return this.#running.get(message.id)?.listener.output(message.stream, message.bytes)
      case 'end':
        return this.#end(message.id, { exitCode: message.exitCode })
    }
  }

  #failAll(failure: string): void {
    for (const id of this.#running.keys()) this.#end(id, { failure })
  }
}
