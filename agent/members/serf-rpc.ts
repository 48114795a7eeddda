import { connect } from 'node:net'
import * as z from 'zod'
import { decodeMessages, encodeRequest, type SerfMessage } from './serf-frames.ts'

const REQUEST_LIMIT_MS = 5_000
/** Serf gives an unreachable address 10 s before it gives up. */
const JOIN_LIMIT_MS = 15_000
const LEAVE_LIMIT_MS = 15_000
/** Serf asks all members and waits some seconds for their answers. */
const KEY_LIMIT_MS = 30_000
const MAX_PENDING_REQUESTS = 64
const INVALID_KEY = 'Invalid authentication token'

/** Serf sends an IPv4 address as 4 bytes, or as 16 when Go kept it mapped into IPv6. */
const addressBytes = z.instanceof(Uint8Array).refine((bytes) => bytes.length === 4 || bytes.length === 16).transform((bytes) => bytes.slice(-4).join('.'))

const serfMemberSchema = z.object({
  Name: z.string(),
  Addr: addressBytes,
  Tags: z.record(z.string(), z.string()),
  Status: z.enum(['alive', 'leaving', 'left', 'failed', 'none']),
})
export type SerfMember = z.output<typeof serfMemberSchema>

const membersReplySchema = z.object({ Members: z.array(z.unknown()) })
const keyReplySchema = z.object({ NumNodes: z.number().int(), NumResp: z.number().int() })
const joinReplySchema = z.object({ Num: z.number().int() })

/** Serf answered, and the answer was no. */
export class SerfRefused extends Error {
  /** Whether the RPC key was wrong: the serf that answers was started with another configuration. */
  readonly wrongKey: boolean
  constructor(command: string, reason: string) {
    super(`serf refused ${command}: ${reason.replace(/\s+/g, ' ').trim()}`)
    this.wrongKey = reason === INVALID_KEY
  }
}

interface Pending {
  command: string
  wantsBody: boolean
  resolve(body: unknown): void
  reject(error: Error): void
  timer: NodeJS.Timeout
}

/** One connection to the local serf. Requests on it are answered one after the other, so a join that may take long gets a connection of its own. */
export class SerfRpc {
  /** Resolves when the connection has ended, whoever ended it. */
  readonly closed: Promise<void>
  readonly #socket: ReturnType<typeof connect>
  readonly #pending = new Map<number, Pending>()
  #onEvent: (() => void) | undefined
  #eventSeq: number | undefined
  #lastSeq = 0

  /** Use {@link connectSerf}. */
  constructor(socket: ReturnType<typeof connect>) {
    this.#socket = socket
    this.closed = this.#read()
  }

  /** All members serf knows, this node included; those that do not parse are left out. */
  async members(): Promise<SerfMember[]> {
    const reply = membersReplySchema.parse(await this.#request('members', undefined, { wantsBody: true }))
    return reply.Members.flatMap((member) => serfMemberSchema.safeParse(member).data ?? [])
  }

  /** Joins the cluster at `address`; throws {@link SerfRefused} when nobody with our key is there. */
  async join(address: string): Promise<number> {
    const body = await this.#request('join', { Existing: [address], Replay: false }, { wantsBody: true, limitMs: JOIN_LIMIT_MS })
    return joinReplySchema.parse(body).Num
  }

  /** Says goodbye to the members; serf then ends. */
  async leave(): Promise<void> {
    await this.#request('leave', undefined, { limitMs: LEAVE_LIMIT_MS })
  }

  /** Sets these tags and leaves the others as they are. */
  async setTags(tags: Record<string, string>): Promise<void> {
    await this.#request('tags', { Tags: tags, DeleteTags: [] })
  }

  /**
   * Has all members change their keyrings; `key` is base64. Gives how many there are and how many answered. Throws {@link SerfRefused} when one of them
   * could not.
   */
  async changeKeys(command: 'install-key' | 'use-key' | 'remove-key', key: string): Promise<{ members: number; answered: number }> {
    const reply = keyReplySchema.parse(await this.#request(command, { Key: key }, { wantsBody: true, limitMs: KEY_LIMIT_MS }))
    return { members: reply.NumNodes, answered: reply.NumResp }
  }

  /** From now on calls `listener` whenever a member joins, leaves, fails, changes or is forgotten. */
  async watchMembers(listener: () => void): Promise<void> {
    this.#onEvent = listener
    this.#eventSeq = this.#lastSeq + 1
    await this.#request('stream', { Type: 'member-join,member-leave,member-failed,member-update,member-reap' })
  }

  async handshake(authKey: string): Promise<void> {
    await this.#request('handshake', { Version: 1 })
    await this.#request('auth', { AuthKey: authKey })
  }

  close(): void {
    this.#socket.destroy()
  }

  #request(command: string, body?: object, options: { wantsBody?: boolean; limitMs?: number } = {}): Promise<unknown> {
    const limitMs = options.limitMs ?? REQUEST_LIMIT_MS
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed || this.#pending.size >= MAX_PENDING_REQUESTS) {
        reject(new Error(`serf cannot be asked for ${command}: ${this.#socket.destroyed ? 'connection closed' : 'too many requests wait'}`))
        return
      }
      const seq = ++this.#lastSeq
      // A reply that comes after its time would be taken for another's: the connection is of no more use.
      const timer = setTimeout(() => this.#socket.destroy(new Error(`serf did not answer ${command} within ${limitMs} ms`)), limitMs)
      this.#pending.set(seq, { command, wantsBody: options.wantsBody ?? false, resolve, reject, timer })
      this.#socket.write(encodeRequest(command, seq, body))
    })
  }

  async #read(): Promise<void> {
    let reason = new Error('serf closed the connection')
    let seq = 0
    try {
      for await (const message of decodeMessages(this.#socket)) {
        if (message.kind === 'header') seq = message.seq
        this.#take(seq, message)
      }
    } catch (error) {
      reason = error instanceof Error ? error : new Error(String(error))
    }
    this.#socket.destroy()
    for (const [lost, pending] of this.#pending) this.#settle(lost, pending, () => pending.reject(reason))
  }

  #take(seq: number, message: SerfMessage): void {
    const pending = this.#pending.get(seq)
    if (pending) {
      if (message.kind === 'header' && message.error !== '') {
        this.#settle(seq, pending, () => pending.reject(new SerfRefused(pending.command, message.error)))
      } else if (message.kind === 'body') this.#settle(seq, pending, () => pending.resolve(message.body))
      else if (!pending.wantsBody) this.#settle(seq, pending, () => pending.resolve(undefined))
      return
    }
    // The body after a refused join says nothing new; the one after a stream's header is an event.
    if (message.kind === 'body' && seq === this.#eventSeq) this.#onEvent?.()
  }

  #settle(seq: number, pending: Pending, finish: () => void): void {
    clearTimeout(pending.timer)
    this.#pending.delete(seq)
    finish()
  }
}

/** Opens an authenticated connection. Throws at once when nobody listens, {@link SerfRefused} when `authKey` is not this serf's. */
export async function connectSerf(address: { host: string; port: number }, authKey: string): Promise<SerfRpc> {
  const rpc = await new Promise<SerfRpc>((resolve, reject) => {
    const socket = connect(address)
    socket.once('error', reject)
    socket.once('connect', () => {
      // From here on the reading side meets the error and tells those who wait.
      socket.off('error', reject).on('error', () => undefined)
      resolve(new SerfRpc(socket))
    })
  })
  try {
    await rpc.handshake(authKey)
    return rpc
  } catch (error) {
    rpc.close()
    throw error
  }
}
