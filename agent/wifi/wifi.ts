import { existsSync, rmSync } from 'node:fs'
import { wifiFileSchema } from '../../schema/network.ts'
import type { AgentContext, Capability } from '../capability.ts'
import { readTextIfThere, writeAtomically } from '../os/files.ts'
import { processOfPidFile, signalProcess, startDetached } from '../os/processes.ts'
import { wpaConfig } from './wpa-config.ts'

/** The networks of `network.wifi` with their passwords; the initramfs puts it there, mode 600. */
const NETWORKS = '/etc/plump/wifi.json'
const PROGRAM = '/usr/sbin/wpa_supplicant'
const FOLDER = '/run/plump/wifi'
const CONFIG = `${FOLDER}/wpa_supplicant.conf`
const RESTART_PAUSE_MS = 5_000

const pidFile = (name: string): string => `${FOLDER}/${name}.pid`
const supplicantOf = (name: string): number | undefined => processOfPidFile(pidFile(name), ['-i', name, '-c', CONFIG])

/**
 * Runs wpa_supplicant on every Wi-Fi card, which joins the best network of `network.wifi` in reach; from then on the card has a carrier and
 * is treated as any other. Like udhcpc it outlives the agent. Without networks, or in an image without Wi-Fi, this does nothing.
 */
export function startWifi(context: AgentContext): Capability {
  const networks = readTextIfThere(NETWORKS)
  if (networks === undefined || !existsSync(PROGRAM)) return { stop() {} }
  const log = context.log.named('wifi')
  const timers = new Map<string, NodeJS.Timeout>()
  const served = new Set<string>()
  writeAtomically(CONFIG, wpaConfig(wifiFileSchema.parse(JSON.parse(networks))), 0o600)

  const serve = (name: string): void => {
    served.add(name)
    if (supplicantOf(name) !== undefined) return
    const pid = startDetached(PROGRAM, ['-i', name, '-D', 'nl80211', '-c', CONFIG], () => ended(name))
    if (pid !== undefined) writeAtomically(pidFile(name), `${pid}\n`)
    log.info(`${name} looks for the networks of network.wifi`)
  }
  const ended = (name: string): void => {
    if (!served.has(name)) return
    log.warn(`wpa_supplicant on ${name} ended; it is started again`)
    clearTimeout(timers.get(name))
    timers.set(name, setTimeout(() => served.has(name) && serve(name), RESTART_PAUSE_MS))
  }
  const leave = (name: string): void => {
    served.delete(name)
    clearTimeout(timers.get(name))
    const pid = supplicantOf(name)
    if (pid !== undefined) signalProcess(pid, 'SIGTERM')
    rmSync(pidFile(name), { force: true })
  }
  const follow = (): void => {
    const cards = context.state.get('nics').flatMap((nic) => (nic.interface !== undefined && isWifi(nic.interface) ? [nic.interface] : []))
    for (const name of served) if (!cards.includes(name)) leave(name)
    for (const name of cards) if (!served.has(name)) serve(name)
  }

  const unwatch = context.state.watch('nics', follow)
  follow()
  return {
    stop() {
      unwatch()
      served.clear()
      for (const timer of timers.values()) clearTimeout(timer)
    },
  }
}

function isWifi(name: string): boolean {
  return existsSync(`/sys/class/net/${name}/phy80211`)
}
