import { mkdirSync, rmSync } from 'node:fs'
import { readTextIfThere, writeAtomically } from '../os/files.ts'
import { processOfPidFile, signalProcess, startDetached } from '../os/processes.ts'

/** openntpd, which sets the clock. Like udhcpc it outlives the agent and is found again by its pid file. */

const CONFIG = '/run/plump/ntpd.conf'
const PID_FILE = '/run/plump/ntpd.pid'
/** It changes its root to the home of its user (rootfs-overlay/etc/passwd), where it keeps the drift of this clock as well. */
const HOME = '/var/lib/openntpd'

/** Has openntpd run with this configuration; one that does so already goes on. `restart`: set the clock anew, in one step. */
export function runNtpd(config: string, restart: boolean, onEnded: () => void): void {
  if (!restart && ntpdProcess() !== undefined && readTextIfThere(CONFIG) === config) return
  stopNtpd()
  for (const folder of [HOME, `${HOME}/run`, `${HOME}/db`]) mkdirSync(folder, { recursive: true, mode: 0o755 })
  writeAtomically(CONFIG, config)
  // -s sets the clock at once to what the first answers say, by however much; later it is only made to run faster or slower.
  const pid = startDetached('/usr/sbin/ntpd', ['-d', '-s', '-f', CONFIG], onEnded)
  if (pid !== undefined) writeAtomically(PID_FILE, `${pid}\n`)
}

export function stopNtpd(): void {
  const pid = ntpdProcess()
  if (pid !== undefined) signalProcess(pid, 'SIGTERM')
  rmSync(PID_FILE, { force: true })
}

/** The openntpd that runs, also one that an earlier agent started. */
export function ntpdProcess(): number | undefined {
  return processOfPidFile(PID_FILE, ['-d', '-f', CONFIG])
}
