import { spawn } from 'node:child_process'
import { lineSplitter } from '../os/line-splitter.ts'

/** One kernel event, as far as the node is concerned. */
export interface Uevent {
  action: string
  subsystem: string
  /** Path of the device below /sys. */
  device: string
  /** What modprobe finds the module by; absent for devices without. */
  modalias: string | undefined
}

/** Reads one line of rootfs-overlay/usr/lib/plump/uevent-line: action, subsystem, device and modalias with tabs between. */
export function parseUevent(line: string): Uevent | undefined {
  const [action, subsystem, device, modalias] = line.split('\t')
  if (!action || !subsystem || !device) return undefined
  return { action, subsystem, device, modalias: modalias === '' ? undefined : modalias }
}

const RESTART_PAUSE_MS = 1_000
/** The kernel's own limit for the variables of an event is 2 KiB (UEVENT_BUFFER_SIZE). */
const EVENT_LIMIT_BYTES = 8 * 1024

/**
 * Follows kernel events for as long as the agent runs. Node has no netlink sockets, so busybox's `uevent` listens and
 * hands each event to a script that prints it. Gives the function that ends this.
 */
export function followUevents(onEvent: (event: Uevent) => void, onTrouble: (message: string) => void): () => void {
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let end = (): void => {}

  const start = (): void => {
    const child = spawn('/usr/bin/busybox', ['uevent', '/usr/lib/plump/uevent-line'], { stdio: ['ignore', 'pipe', 'ignore'] })
    const split = lineSplitter(EVENT_LIMIT_BYTES)
    child.stdout.on('data', (piece: Buffer) => {
      const result = split(piece)
      if (result.state === 'too-long') return void child.kill()
      for (const event of result.lines.map(parseUevent)) if (event) onEvent(event)
    })
    child.once('error', (error) => onTrouble(`uevent: ${error.message}`))
    child.once('close', () => {
      if (stopped) return
      onTrouble('the listener for kernel events ended; it is started again')
      timer = setTimeout(start, RESTART_PAUSE_MS)
    })
    end = () => void child.kill()
  }

  start()
  return () => {
    stopped = true
    clearTimeout(timer)
    end()
  }
}
