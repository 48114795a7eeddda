import { spawn } from 'node:child_process'
import { closeSync, existsSync, writeSync } from 'node:fs'
import type { Socket } from 'node:net'
import { setPriority } from 'node:os'
import { openForReader, openOnceRead } from '../os/named-pipes.ts'
import { signalProcess } from '../os/processes.ts'

export const CRIU = '/usr/sbin/criu'
/** Pipe in the folder of a move, at which a dump waits that was started ahead. */
export const BEGIN_PIPE = 'begin'

/** Before whatever else the node computes: a job stands still until criu is done. A restored job has the niceness of its images. */
const CRIU_NICENESS = -10
/** Criu is linked with a library for encryption that it is not told to use: without its self-tests (GnuTLS manual, "Initialization"), criu starts an eighth sooner. */
const CRIU_ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin', GNUTLS_NO_IMPLICIT_INIT: '1' }

export interface Criu {
  pid: number | undefined
  /** Exit code; undefined when a signal ended it. */
  ended: Promise<number | undefined>
}

export interface CriuOptions {
  /** Folder of the move. */
  move: string
  /** What criu is to have as descriptor 0, the connection that pages take; it is closed here at the end. */
  stdin?: Socket
  /** Before whatever else the node computes, unless told. */
  niceness?: number
}

/** Starts criu in the background. It is never killed. */
export function startCriu(args: readonly string[], options: CriuOptions): Criu {
  const { pid, ended } = spawnCriu(args, options)
  closeAfter(ended, options.stdin)
  return { pid, ended }
}

/** A dump that has been started, and has not touched the job yet. */
export interface HeldDump {
  /** Lets it begin. */
  begin(): Criu
  /** Ends it; what it has as descriptor 0 stays open. */
  drop(): void
}

/** Starts a dump ahead: with its libraries, the start of criu takes an eighth of a second in software emulation. Its hook (rootfs-overlay/usr/lib/plump/criu-hook) waits. One at a time in a move. */
export function startHeldDump(args: readonly string[], options: CriuOptions): HeldDump {
  const pipe = `${options.move}/${BEGIN_PIPE}`
  const { pid, ended } = spawnCriu(args, options, { PLUMP_HELD: 'yes' })
  let over = false
  void ended.catch(() => undefined).then(() => { over = true })
  return {
    begin() {
      // The pipe goes with the move's folder, and a move that is over has no criu any more.
      openOnceRead(pipe, () => over).then((opened) => opened !== undefined && tell(opened, 'go'), () => undefined)
      closeAfter(ended, options.stdin)
      return { pid, ended }
    },
    drop() {
      // Its hook is of its session.
      if (pid !== undefined && !over) signalProcess(-pid, 'SIGKILL')
    },
  }
}

/** Ends a dump that an agent before this one left before it had begun. */
export function dropHeldDump(move: string): void {
  const pipe = `${move}/${BEGIN_PIPE}`
  const opened = existsSync(pipe) ? openForReader(pipe) : undefined
  if (opened !== undefined) tell(opened, 'no')
}

function tell(pipe: number, verdict: 'go' | 'no'): void {
  try {
    writeSync(pipe, `${verdict}\n`)
  } catch {
    // It has ended meanwhile; its exit code says why.
  } finally {
    closeSync(pipe)
  }
}

function spawnCriu(args: readonly string[], { move, stdin, niceness = CRIU_NICENESS }: CriuOptions, environment: Record<string, string> = {}): Criu {
  const child = spawn(CRIU, args, { cwd: '/', detached: true, env: { ...CRIU_ENVIRONMENT, PLUMP_MOVE: move, ...environment }, stdio: [stdin ?? 'ignore', 'ignore', 'ignore'] })
  if (child.pid !== undefined) setNiceness(child.pid, niceness)
  const ended = new Promise<number | undefined>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? undefined))
  })
  return { pid: child.pid, ended }
}

function setNiceness(pid: number, niceness: number): void {
  try {
    setPriority(pid, niceness)
  } catch {
    // It has ended already; its exit code says why.
  }
}

function closeAfter(ended: Promise<unknown>, stdin: Socket | undefined): void {
  void ended.catch(() => undefined).then(() => stdin?.destroy())
}
