import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, closeSync, constants, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EXIT, PlumpError } from '../errors.ts'
import { run } from '../os/run.ts'
import type { LabConfig } from './options.ts'
import { connectWhenThere } from './sockets.ts'
import { labOwner } from './state-folder.ts'

const START_LIMIT_MS = 60_000
const LOG_TAIL_CHARS = 2_000

/**
 * Starts a lab's supervisor in the background, in a network and a process namespace of its own (and a user namespace when
 * not root), and waits until it listens. The namespaces have no name: they end with the supervisor, which is
 * process 1 in them, and the kernel then kills whatever else is inside. Throws PlumpError NAMESPACES or LAB_START.
 */
export async function launchSupervisor(folder: string, config: LabConfig, signal?: AbortSignal): Promise<void> {
  const namespaces = ['--net', '--pid', '--fork', '--kill-child=KILL', ...(process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'])]
  await assertNamespaces(namespaces)
  assertTun()
  writeFileSync(join(folder, 'lab.json'), JSON.stringify(config), { mode: 0o600 })
  const logFile = join(folder, 'supervisor.log')
  const log = openSync(logFile, 'a', 0o600)
  const supervisor = spawn('unshare', [
    ...namespaces, process.execPath, '--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'supervisor.ts'), folder,
  ], {
    detached: true,
    stdio: ['ignore', log, log],
    // ip and dnsmasq are in sbin, which ordinary users do not have on their PATH.
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
  })
  closeSync(log)
  supervisor.unref()
  await once(supervisor, 'spawn')
  const ended = (): boolean => supervisor.exitCode !== null || supervisor.signalCode !== null
  try {
    const socket = await connectWhenThere(join(folder, 'control'), START_LIMIT_MS, () => ended() || signal?.aborted === true)
    socket.destroy()
  } catch (error) {
    const reason = readFileSync(logFile, 'utf8').trim().slice(-LOG_TAIL_CHARS)
    // unshare ignores SIGTERM; its child dies with it.
    supervisor.kill('SIGKILL')
    const owner = labOwner(folder)
    if (owner?.role === 'supervisor') await owner.ended()
    if (signal?.aborted) throw new PlumpError('INTERRUPTED', 'stopped', { fix: 'run the command again', exitCode: EXIT.interrupted })
    throw startError(reason, error)
  }
}

async function assertNamespaces(namespaces: string[]): Promise<void> {
  try {
    await run('unshare', [...namespaces, 'true'], { limitSeconds: 20 })
  } catch (error) {
    if (error instanceof PlumpError && error.code === 'TOOL_MISSING') throw error
    const who = process.getuid?.() === 0 ? 'root' : 'ordinary users'
    throw new PlumpError('NAMESPACES', `this machine lets ${who} make no network namespace, which the lab's private network needs`, {
      fix: 'run as root: sudo ./plump lab up, or allow user namespaces: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0', cause: error,
    })
  }
}

function assertTun(): void {
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK)
  } catch (error) {
    throw new PlumpError('TUN', '/dev/net/tun cannot be opened; it is the other end of the virtual network cards', {
      fix: 'sudo modprobe tun && sudo chmod 666 /dev/net/tun, or run as root: sudo ./plump lab up', exitCode: EXIT.toolMissing, cause: error,
    })
  }
}

/** The supervisor writes its own error as the user should see it; it is passed on, not wrapped. */
function startError(reason: string, cause: unknown): PlumpError {
  const told = /error\[([A-Z_]+)\]: ([\s\S]*?)\n {2}fix: (.*)/.exec(reason)
  if (told?.[1] !== undefined && told[1] !== 'BUG') {
    const exitCode = told[1] === 'TOOL_MISSING' ? EXIT.toolMissing : EXIT.bootOrTestFailed
    return new PlumpError(told[1], told[2] ?? '', { fix: told[3] ?? '', exitCode, cause })
  }
  return new PlumpError('LAB_START', `the lab did not start\n${reason}`, { fix: 'see the lines above', exitCode: EXIT.bootOrTestFailed, cause })
}
