import { mkdirSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import type { JobRequest, JobResults } from '../../schema/job-api.ts'
import { NodeError } from '../api/node-error.ts'
import { readFirstLine } from '../peers/first-line.ts'

const SOCKET = process.env['PLUMP_JOBS_SOCKET'] ?? '/run/plump/jobs.sock'
const ANSWER_LIMIT_BYTES = 64 * 1024 * 1024
/** What the kernel holds for a reader of a local socket, rounded up. */
const READ_BYTES = 256 * 1024
const CHALLENGE_LIMIT_MS = 10_000
const ANSWER_LIMIT_MS = 60_000

/** Asks for something about jobs. Throws NodeError: the agent's refusal, or AGENT_UNREACHABLE. `limitMs` 0 waits as long as it takes. */
export async function askJobs<Name extends JobRequest['request']>(request: Extract<JobRequest, { request: Name }>, limitMs = ANSWER_LIMIT_MS): Promise<JobResults[Name]> {
  const { result, socket } = await openJobs(request, limitMs)
  socket.destroy()
  return result
}

/** The same for what goes on: frames follow on the socket, which is paused behind the answer. */
export async function openJobs<Name extends JobRequest['request']>(request: Extract<JobRequest, { request: Name }>, limitMs = ANSWER_LIMIT_MS): Promise<{ result: JobResults[Name]; socket: Socket }> {
  const socket = await connectAgent()
  try {
    const { prove } = JSON.parse(await readFirstLine(socket, 4_096, CHALLENGE_LIMIT_MS)) as { prove: string }
    mkdirSync(prove, { mode: 0o700 })
    socket.write(`${JSON.stringify(request)}\n`)
    // As in agent-client.ts: the answer is of the agent's own making, and zod would double the time a command takes to start.
    const answer = JSON.parse(await readFirstLine(socket, ANSWER_LIMIT_BYTES, limitMs === 0 ? 2 ** 31 - 1 : limitMs)) as { result: JobResults[Name] } | { error: { code: string; message: string; fix: string } }
    if ('error' in answer) throw new NodeError(answer.error.code, answer.error.message, answer.error.fix)
    return { result: answer.result, socket }
  } catch (error) {
    socket.destroy()
    if (error instanceof NodeError) throw error
    throw unreachable(error instanceof Error ? error.message : String(error))
  }
}

/**
 * Read into one buffer, again and again: its `data` counts only until the listener returns. What a job writes comes through here, and a buffer of
 * its own for each read takes more time than all that is done with it.
 */
function connectAgent(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const buffer = Buffer.allocUnsafe(READ_BYTES)
    const socket: Socket = connect({
      path: SOCKET,
      onread: {
        buffer,
        callback: (bytes) => {
          socket.emit('data', buffer.subarray(0, bytes))
          return true
        },
      },
    })
    socket.once('error', (error: NodeJS.ErrnoException) => reject(unreachable(error.code ?? error.message)))
    socket.once('connect', () => {
      socket.on('error', () => undefined)
      socket.pause()
      resolve(socket)
    })
  })
}

function unreachable(why: string): NodeError {
  if (isInJob()) return new NodeError('IN_A_JOB', 'a job starts no jobs: what it starts is part of it, moves with it and keeps to its mask', 'start the command without mosrun')
  return new NodeError('AGENT_UNREACHABLE', `the agent does not answer on ${SOCKET} (${why}); it runs the jobs`, 'a node that has an address starts it within seconds; if not, see why with: tail /var/log/plump.log')
}

/** The first process of a job is job-start's, as busybox's timer (rootfs-overlay/usr/lib/plump/job-start). */
function isInJob(): boolean {
  return readFileSync('/proc/1/cmdline', 'utf8').includes('/usr/lib/plump/job-start')
}
