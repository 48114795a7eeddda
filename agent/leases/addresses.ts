import { rmSync } from 'node:fs'
import type { FixedAddress } from '../../schema/network.ts'
import { readTextIfThere, writeAtomically } from '../os/files.ts'
import { run } from '../os/run.ts'

/** Setting of addresses that do not come from DHCP (those are set by rootfs-overlay/usr/lib/plump/udhcpc-event). */

const BUSYBOX = '/usr/bin/busybox'
const LINK_LOCAL_NET = '169.254.0.0/16'
/** The same order as in udhcpc-event: routers first, by card; the route of last resort far behind. */
const ROUTER_METRIC = 100
const LAST_RESORT_METRIC = 20_000
/** Two probes a second apart. RFC 3927 asks for three within 3 to 7 s; a node that waits for nothing else should not wait so long. */
const PROBES = '2'
const PROBE_SECONDS = '2'
const ANNOUNCEMENTS = '2'

/** Remembers the address for an agent that is restarted: asking the kernel at every start would cost a program's run. */
const linkLocalFile = (name: string): string => `/run/plump/leases/${name}.link-local`
const ip = (...args: string[]): Promise<string> => run(BUSYBOX, ['ip', ...args])

export async function setStatic(name: string, index: number, fixed: FixedAddress): Promise<void> {
  const metric = String(ROUTER_METRIC + index)
  await ip('addr', 'replace', fixed.address, 'broadcast', '+', 'dev', name)
  if (fixed.gateway) await ip('route', 'replace', 'default', 'via', fixed.gateway, 'dev', name, 'metric', metric)
  await ip('route', 'replace', LINK_LOCAL_NET, 'dev', name, 'scope', 'link', 'metric', metric)
}

/** Takes every address of an interface away, with the routes that go with them. */
export async function clearAddresses(name: string): Promise<void> {
  rmSync(linkLocalFile(name), { force: true })
  await ip('addr', 'flush', 'dev', name)
  await ip('route', 'flush', 'dev', name)
}

/** Whether nobody on the wire answers for the address (ARP probe, RFC 5227). */
export async function isFree(name: string, address: string): Promise<boolean> {
  try {
    await run(BUSYBOX, ['arping', '-D', '-q', '-f', '-I', name, '-c', PROBES, '-w', PROBE_SECONDS, address])
    return true
  } catch {
    return false
  }
}

/** Sets a link-local address, beside whatever else the interface has, and tells the neighbours. */
export async function addLinkLocal(name: string, address: string): Promise<void> {
  await ip('addr', 'replace', `${address}/16`, 'broadcast', '+', 'scope', 'link', 'dev', name)
  writeAtomically(linkLocalFile(name), address)
  await run(BUSYBOX, ['arping', '-A', '-q', '-I', name, '-c', ANNOUNCEMENTS, '-w', ANNOUNCEMENTS, address]).catch(() => '')
}

export async function removeLinkLocal(name: string, address: string): Promise<void> {
  rmSync(linkLocalFile(name), { force: true })
  await ip('addr', 'del', `${address}/16`, 'dev', name)
}

/**
 * A node with nothing but a link-local address reaches neighbours that do have a lease, by asking for them on the wire
 * (RFC 3927, section 2.6.2); any real router is preferred.
 */
export async function directRoute(name: string, index: number, on: boolean): Promise<void> {
  const route = ['default', 'dev', name, 'scope', 'link', 'metric', String(LAST_RESORT_METRIC + index)]
  if (on) await ip('route', 'replace', ...route)
  else await ip('route', 'del', ...route).catch(() => '')
}

/** The link-local address that an earlier agent gave an interface and that it still has. */
export async function takenOverLinkLocal(name: string): Promise<string | undefined> {
  const address = readTextIfThere(linkLocalFile(name))
  if (address === undefined) return undefined
  return (await ip('addr', 'show', 'dev', name).catch(() => '')).includes(`inet ${address}/16`) ? address : undefined
}
