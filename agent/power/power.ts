import { namesIn } from '../os/files.ts'
import { run } from '../os/run.ts'
import { processOfPidFile, startDetached } from '../os/processes.ts'
import type { AgentContext, Capability } from '../capability.ts'

/**
 * The power button: busybox's acpid reads it and runs /etc/plump/acpi/PWRF/00000080, which switches the node off; init then runs what stands under `shutdown` in
 * etc/inittab first, and that sends guests home. From `ready` on, when the kernel has found the button.
 */
const CONFIG = '/etc/plump/acpi'
const PID_FILE = '/run/plump/acpid.pid'
const COMMAND = ['acpid', '-f', '-c', CONFIG, '-p', PID_FILE, '-l', '/dev/null'] as const

export function startPower({ state, log }: AgentContext): Capability {
  const begin = async (): Promise<void> => {
    const stage = state.get('stage')
    if (stage !== 'ready' && stage !== 'joined') return
    unwatch()
    if (processOfPidFile(PID_FILE, ['acpid', CONFIG]) !== undefined) return
    await run('/usr/sbin/modprobe', ['-a', '-q', 'button', 'evdev']).catch(() => undefined)
    if (!namesIn('/dev/input').some((name) => name.startsWith('event'))) return log.named('power').info('this machine has no power button that can be read')
    // It outlives the agent: the button works whatever state the agent is in.
    startDetached('/usr/bin/busybox', COMMAND, () => log.named('power').warn('acpid ended: the power button does nothing by itself any more'))
  }
  const unwatch = state.watch('stage', () => void begin())
  void begin()
  return { stop: unwatch }
}
