import type { Socket } from 'node:net'
import { PlumpError, type ExitCode, EXIT } from '../errors.ts'
import { REPLY_LIMIT_BYTES, replySchema, requestSchema, type Request } from './control-protocol.ts'
import { onLines } from './lines.ts'
import { usage } from './options.ts'
import { connectOnce } from './sockets.ts'

export interface CallOptions {
  /** Gets the output of `exec` as it comes. */
  onOutput?: (stream: 'stdout' | 'stderr', bytes: Buffer) => void
  signal?: AbortSignal
}

/**
 * Sends one request to a lab's supervisor and gives the `done` result. Throws the supervisor's own PlumpError, or LAB_GONE
 * when it cannot be reached or ends meanwhile, or INTERRUPTED when the signal fires, or USAGE before it is sent.
 */
export async function call(controlSocket: string, request: Request, options: CallOptions = {}): Promise<unknown> {
  const checked = requestSchema.safeParse(request)
  if (!checked.success) throw usage(checked.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '), './plump lab --help')
  const socket = await connectOnce(controlSocket).catch((error: unknown) => Promise.reject(gone(error)))
  try {
    return await answerTo(socket, request, options)
  } finally {
    socket.destroy()
  }
}

/** Ties the lab's life to this process; gives the function that unties it. */
export async function hold(controlSocket: string): Promise<() => void> {
  const socket = await connectOnce(controlSocket).catch((error: unknown) => Promise.reject(gone(error)))
  socket.write(`${JSON.stringify({ verb: 'hold' } satisfies Request)}\n`)
  socket.on('error', () => socket.destroy())
  socket.unref()
  return () => void socket.end(`${JSON.stringify({ verb: 'release' } satisfies Request)}\n`)
}

function answerTo(socket: Socket, request: Request, options: CallOptions): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const interrupted = (): void => reject(new PlumpError('INTERRUPTED', 'stopped', { fix: 'run the command again', exitCode: EXIT.interrupted }))
    if (options.signal?.aborted) return interrupted()
    options.signal?.addEventListener('abort', interrupted, { once: true })
    socket.on('error', (error) => reject(gone(error)))
    socket.on('close', () => reject(gone(undefined)))
    onLines(socket, REPLY_LIMIT_BYTES, (line) => {
      const message = replySchema.parse(JSON.parse(line))
      if (message.reply === 'done') resolve(message.result)
      else if (message.reply === 'output') options.onOutput?.(message.stream, Buffer.from(message.base64, 'base64'))
      else reject(new PlumpError(message.code, message.message, { fix: message.fix, exitCode: exitCode(message.exitCode) }))
    })
    socket.write(`${JSON.stringify(request)}\n`)
  })
}

function exitCode(value: number): ExitCode {
  return Object.values(EXIT).find((known) => known === value) ?? EXIT.failed
}

function gone(cause: unknown): PlumpError {
  return new PlumpError('LAB_GONE', 'the lab is not running any more', { fix: './plump lab up', cause })
}
