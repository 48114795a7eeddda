import { spawn } from 'node:child_process'
import { readTextIfThere } from './files.ts'

/** Starts a program that outlives the agent: a session of its own, no pipes. `onExit` is called when it ends while this agent lives. */
export function startDetached(program: string, args: readonly string[], onExit: () => void): number | undefined {
  const child = spawn(program, args, { detached: true, stdio: 'ignore' })
  child.once('exit', onExit)
  child.once('error', onExit)
  child.unref()
  return child.pid
}

/** The process of a pid file, undefined unless it lives and its command line has all of `words` (a pid may have been given to another). */
export function processOfPidFile(path: string, words: readonly string[]): number | undefined {
  const pid = Number.parseInt(readTextIfThere(path) ?? '', 10)
  if (!(pid > 1)) return undefined
  const commandLine = (readTextIfThere(`/proc/${pid}/cmdline`) ?? '').split('\0')
  return words.every((word) => commandLine.includes(word)) ? pid : undefined
}

/** Sends a signal; a process that has ended meanwhile is no error. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
