import { closeSync, constants, existsSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { NamedPipes } from '../os/named-pipes.ts'

/** The hook reads its verdict within this time. */
const RELEASE_MS = 2_000

const namedPipes = new NamedPipes('/run/plump/pipes')

/** The agent's end of rootfs-overlay/usr/lib/plump/criu-hook. */
export interface Verdict {
  /** Resolves when criu stands at the point of no return. */
  reached: Promise<void>
  /** Lets criu go on. May be said again. */
  say(verdict: 'go' | 'no'): void
  close(): void
}

/** Makes the two pipes in the folder of a move, and `others` at the same go. The two are held open here, so neither side ever waits for the other to open. */
export async function openVerdict(folder: string, others: readonly string[] = []): Promise<Verdict> {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const [reachedPath, verdictPath] = [`${folder}/reached`, `${folder}/verdict`]
  const paths = [reachedPath, verdictPath, ...others.map((name) => `${folder}/${name}`)]
  await namedPipes.make(paths)
  const socket = new Socket({ fd: openSync(reachedPath, constants.O_RDWR | constants.O_NONBLOCK), readable: true, writable: false })
  const verdictPipe = openSync(verdictPath, constants.O_RDWR | constants.O_NONBLOCK)
  let open = true
  const reached = new Promise<void>((resolve) => socket.once('data', () => resolve()))
  socket.on('error', () => socket.destroy())
  return {
    reached,
    say(verdict) {
      if (open) writeSync(verdictPipe, `${verdict}\n`)
    },
    close() {
      if (!open) return
      open = false
      socket.destroy()
      closeSync(verdictPipe)
    },
  }
}

/**
 * For a criu that an agent before this one left waiting: opens its pipes, so that nobody waits for the other to open, and tells it. Does nothing when
 * there are none.
 */
export async function releaseCriu(folder: string, verdict: 'go' | 'no'): Promise<void> {
  if (!existsSync(`${folder}/reached`) || !existsSync(`${folder}/verdict`)) return
  const pipes = ['reached', 'verdict'].map((name) => openSync(`${folder}/${name}`, constants.O_RDWR | constants.O_NONBLOCK))
  writeSync(pipes.at(-1) ?? -1, `${verdict}\n`)
  await pause(RELEASE_MS)
  for (const pipe of pipes) closeSync(pipe)
}
