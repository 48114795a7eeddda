import { spawn, type ChildProcess } from 'node:child_process'
import { constants, openSync, writeSync, closeSync } from 'node:fs'
import { NodeError } from '../api/node-error.ts'
import { readTextIfThere } from '../os/files.ts'

const KEEPER_LIMIT_MS = 30_000
const LOG_FILE = '/var/log/plump.log'

/** Descriptors of the keeper (rootfs-overlay/usr/lib/plump/job-keeper). */
export const KEEPER_END = { stdin: 5, stdout: 6, stderr: 7, status: 8, commands: 9 } as const
export type KeeperEnd = keyof typeof KEEPER_END

export type KeeperCommand = 'close-stdin' | 'close-stdout' | 'close-stderr' | 'end'

/** Runs a keeper's command line ({@link startCommand}) and gives its process id once the pipes are there. Throws NodeError JOB_NOT_STARTED. */
export async function startKeeper(command: readonly string[]): Promise<number> {
  const [program = '', ...args] = command
  const log = openSync(LOG_FILE, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, 0o600)
  try {
    const child = spawn(program, args, { detached: true, cwd: '/', env: {}, stdio: ['ignore', 'pipe', log] })
    child.unref()
    await firstWord(child)
    return child.pid ?? 0
  } catch (error) {
    throw notStarted(error instanceof Error ? error.message : String(error))
  } finally {
    closeSync(log)
  }
}

/** Waits until the keeper has said something, which it does once its pipes are there. */
function firstWord(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`its pipes were not there within ${KEEPER_LIMIT_MS / 1000} s`)), KEEPER_LIMIT_MS)
    child.once('error', reject)
    child.stdout?.once('data', () => resolve())
    child.stdout?.once('close', () => {
      clearTimeout(timer)
      reject(new Error('its keeper ended'))
    })
  })
}

/** The keeper of a job's folder, undefined unless it runs. */
export function runningKeeper(folder: string): number | undefined {
  const pid = Number.parseInt(readTextIfThere(`${folder}/keeper`) ?? '', 10)
  if (!(pid > 1)) return undefined
  const words = (readTextIfThere(`/proc/${pid}/cmdline`) ?? '').split('\0')
  return words.includes(folder) ? pid : undefined
}

export function keeperEnd(pid: number, end: KeeperEnd): string {
  return `/proc/${pid}/fd/${KEEPER_END[end]}`
}

/** Tells a keeper something; one that is gone needs to be told nothing. */
export function commandKeeper(pid: number, command: KeeperCommand): void {
  try {
    const pipe = openSync(keeperEnd(pid, 'commands'), constants.O_WRONLY | constants.O_NONBLOCK)
    writeSync(pipe, `${command}\n`)
    closeSync(pipe)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH' || error.code === 'ENXIO'))) throw error
  }
}

function notStarted(why: string): NodeError {
  return new NodeError('JOB_NOT_STARTED', `the job could not be started: ${why}`, 'plump log has the messages of its start')
}
