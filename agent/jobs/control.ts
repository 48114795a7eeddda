import { constants, setPriority } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import type { SignalRequest, WindowSize } from '../../schema/job-link.ts'
import { readTextIfThere } from '../os/files.ts'
import { signalProcess } from '../os/processes.ts'
import { run } from '../os/run.ts'
import { initAndMain, isStopped, processesOfJob, terminalOf, type JobProcess } from './processes.ts'

const SUSPEND_TRIES = 20
const SUSPEND_PAUSE_MS = 10
const TERMINAL_TRIES = 200
const TERMINAL_PAUSE_MS = 50

/** Sends a signal to a job: init is left out but for stopping nothing, as it has no handler and the kernel would drop it. */
export function signalJob(cgroup: string, request: SignalRequest): void {
  for (const pid of targets(processesOfJob(cgroup), request)) signalProcess(pid, request.signal)
}

/** The processes a signal is for. */
export function targets(processes: readonly JobProcess[], { signal, to }: SignalRequest): number[] {
  const { init, main } = initAndMain(processes)
  const others = processes.filter((process) => process !== init)
  if (to === 'all') return others.map(({ pid }) => pid)
  if (main === undefined) return []
  // A process group that has nobody outside it in its session does not stop by SIGTSTP: the kernel would drop it.
  const group = main.foregroundGroup > 0 ? main.foregroundGroup : main.processGroup
  if (to === 'group' || signal === 'SIGSTOP' || signal === 'SIGCONT') return others.filter((process) => process.processGroup === group).map(({ pid }) => pid)
  return [main.pid]
}

/**
 * After the suspend character went to a job on a terminal: stops the job when its command is in the foreground itself and the terminal makes
 * signals of such keys. The kernel does not stop it by itself, as its process group is alone in its session. A shell with job control ignores
 * the signal and is left alone.
 */
export async function suspendByTerminal(cgroup: string): Promise<boolean> {
  const { main } = initAndMain(processesOfJob(cgroup))
  const terminal = main === undefined ? undefined : terminalOf(main.pid)
  if (!main || terminal === undefined || main.foregroundGroup !== main.processGroup || ignoresSuspend(main.pid)) return false
  const settings = await run('stty', ['-F', terminal, '-a'])
  if (!/(?<!-)\bisig\b/.test(settings)) return false
  signalJob(cgroup, { signal: 'SIGSTOP', to: 'all' })
  for (let tries = 0; tries < SUSPEND_TRIES; tries++) {
    if (isStopped(processesOfJob(cgroup))) return true
    await pause(SUSPEND_PAUSE_MS)
  }
  return false
}

/** Whether a process ignores SIGTSTP, by the mask of /proc/PID/status. */
function ignoresSuspend(pid: number): boolean {
  const ignored = /^SigIgn:\s*([0-9a-f]+)/m.exec(readTextIfThere(`/proc/${pid}/status`) ?? '')?.[1] ?? '0'
  return (BigInt(`0x${ignored}`) >> BigInt(constants.signals.SIGTSTP - 1)) % 2n === 1n
}

/**
 * Sets the size of a job's terminal; the kernel then sends SIGWINCH to its foreground. mosrun tells the size as soon as the job is started, which
 * may be before its command has the terminal: so a job that has none yet is looked at for a while.
 */
export async function setWindowSize(cgroup: string, { rows, columns }: WindowSize): Promise<void> {
  for (let tries = 0; tries < TERMINAL_TRIES; tries++) {
    const { main } = initAndMain(processesOfJob(cgroup))
    const terminal = main === undefined ? undefined : terminalOf(main.pid)
    if (terminal !== undefined) {
      await run('stty', ['-F', terminal, 'rows', String(rows), 'columns', String(columns)]).catch(() => undefined)
      return
    }
    await pause(TERMINAL_PAUSE_MS)
  }
}

/** Sets the niceness of every process of a job. */
export function reniceJob(cgroup: string, niceness: number): void {
  for (const { pid } of processesOfJob(cgroup)) {
    try {
      setPriority(pid, niceness)
    } catch (error) {
      if (!(error instanceof Error && 'info' in error && (error.info as { errno?: number }).errno === -constants.errno.ESRCH)) throw error
    }
  }
}
