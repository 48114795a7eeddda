import type { Socket } from 'node:net'
import * as z from 'zod'
import { PlumpError } from '../errors.ts'
import { onLines } from './lines.ts'

const LINE_LIMIT_BYTES = 4 * 1024 * 1024
const ANSWER_LIMIT_MS = 60_000

const messageSchema = z.object({
  id: z.number().optional(),
  return: z.unknown().optional(),
  error: z.object({ class: z.string(), desc: z.string() }).optional(),
})

interface Pending {
  command: string
  resolve(value: unknown): void
  reject(error: Error): void
  timer: NodeJS.Timeout
}

/** A client of QEMU's machine protocol (docs/interop/qmp-spec in QEMU): commands and their answers; events are not needed. */
export class Qmp {
  #pending = new Map<number, Pending>()
  #nextId = 1
  readonly #socket: Socket

  private constructor(socket: Socket) {
    this.#socket = socket
    onLines(socket, LINE_LIMIT_BYTES, (line) => this.#receive(line))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#closed())
  }

  /** Says hello on a fresh connection. Throws PlumpError QMP. */
  static async open(socket: Socket): Promise<Qmp> {
    const qmp = new Qmp(socket)
    await qmp.execute('qmp_capabilities')
    return qmp
  }

  /** Runs one command and gives its `return` value. Throws PlumpError QMP with QEMU's own words. */
  execute(command: string, parameters: Record<string, unknown> = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++
      const late = (): void => this.#settle(id, (pending) => pending.reject(qmpError(command, `no answer in ${ANSWER_LIMIT_MS / 1000} s`)))
      const timer = setTimeout(late, ANSWER_LIMIT_MS)
      this.#pending.set(id, { command, resolve, reject, timer })
      if (this.#socket.destroyed) this.#closed()
      else this.#socket.write(`${JSON.stringify({ execute: command, arguments: parameters, id })}\n`)
    })
  }

  #receive(line: string): void {
    const message = messageSchema.parse(JSON.parse(line))
    if (message.id === undefined) return
    this.#settle(message.id, (pending) => {
      if (message.error) pending.reject(qmpError(pending.command, message.error.desc))
      else pending.resolve(message.return)
    })
  }

  #settle(id: number, how: (pending: Pending) => void): void {
    const pending = this.#pending.get(id)
    if (!pending) return
    clearTimeout(pending.timer)
    this.#pending.delete(id)
    how(pending)
  }

  #closed(): void {
    for (const id of this.#pending.keys()) this.#settle(id, (pending) => pending.reject(qmpError(pending.command, 'the machine is off')))
  }
}

function qmpError(command: string, why: string): PlumpError {
  return new PlumpError('QMP', `QEMU did not do ${command}: ${why}`, { fix: './plump lab ls shows which nodes run' })
}
