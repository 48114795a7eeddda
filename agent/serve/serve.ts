import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join, relative } from 'node:path'
import { describeBootEvent } from '../../schema/boot-server/boot-journal.ts'
import { chooseLan, describeLan, type Lan } from '../../schema/boot-server/lan.ts'
import { BootServerProblem } from '../../schema/boot-server/problem.ts'
import { unservable } from '../../schema/boot-server/scripts.ts'
import { PACKED_LOADERS, PACKED_SERVER, serveMedium } from '../../schema/boot-server/serve-medium.ts'
import { NodeError } from '../api/node-error.ts'
import { run } from '../os/run.ts'
import { openFirewall } from './open-firewall.ts'

const BUSYBOX = '/usr/bin/busybox'
const OWN_MEDIUM = '/run/plump/medium'
const SCRATCH = '/run/plump'
const UNPACK_LIMIT_MS = 60_000
/** Files of the medium that whoever asks is given and that hold secrets. */
const SECRETS = ['plump/cluster.key', 'plump/wifi.json']
const OTHER_SOURCE = 'plug its disc or stick in and name it, as in plump serve /dev/sdb1, or name an ISO file; nodes that were started from a medium, without "copy to RAM", need neither'

export interface NodeServing {
  /** An ISO file or a device with one; undefined: what the node was started from. */
  source: string | undefined
  interface?: string
  dhcp?: string
  port: number
  signal: AbortSignal
  /** A line for people and the same as data. */
  tell(text: string, event: object): void
  /** Something to know that does not stop the serving. */
  remark(text: string): void
}

/** Serves a medium to machines that start over the network, until the signal fires. Throws NodeError. */
export async function serveFromNode(serving: NodeServing): Promise<void> {
  const { source, port, signal } = serving
  if (process.getuid?.() !== 0) throw new NodeError('NOT_ROOT', 'only root may answer DHCP requests', 'log in as root')
  const folder = mkdtempSync(join(SCRATCH, 'serve-'))
  const ends: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
  try {
    const lan = chooseLan(networkInterfaces(), serving)
    if (lan.addressMissing) {
      throw new NodeError('LAN_ADDRESS', `${lan.interface} has no address in ${serving.dhcp ?? ''}, at which others would find this node`, `netsetup ${lan.address}/${lan.prefixLength} --nic ${lan.interface}`)
    }
    // The folder is for us alone but for what dnsmasq, which runs as another user, sends by TFTP.
    chmodSync(folder, 0o711)
    const medium = source === undefined ? OWN_MEDIUM : await mounted(source, join(folder, 'medium'), ends)
    const files = await filesOf(medium)
    for (const [packed, name] of [[PACKED_LOADERS, 'tftp'], [PACKED_SERVER, 'server']] as const) await unpack(join(medium, packed), join(folder, name))
    if (SECRETS.some((path) => files.has(path))) serving.remark('this medium carries secrets (cluster key or Wi-Fi passwords), and whoever asks on this network is given them')
    const leftOut = unservable([...files.keys()])
    if (leftOut.length > 0) serving.remark(`not served, because boot loaders cannot name them: ${leftOut.join(', ')}`)

    ends.push(await openFirewall(lan, port))
    const library = join(folder, 'server')
    await serveMedium({
      lan, port, files, folder, signal, sameUser: false,
      dnsmasq: { program: join(library, 'dnsmasq'), environment: { LD_LIBRARY_PATH: library } },
      onEvent: (event) => serving.tell(describeBootEvent(event), event),
      onServing: () => serving.tell(`serving ${source ?? medium} on ${describeLan(lan)}; Ctrl-C ends it`, servingEvent(lan, port)),
    })
  } catch (error) {
    throw error instanceof BootServerProblem ? new NodeError(error.code, error.message, error.fix) : error
  } finally {
    for (const end of ends.reverse()) await end()
  }
}

function servingEvent({ interface: name, address, pool }: Lan, port: number): object {
  return { event: 'serving', interface: name, address, port, dhcp: pool ?? null }
}

/** Mounts an ISO file or a device. Throws NodeError NO_MEDIUM. */
async function mounted(source: string, target: string, ends: (() => unknown)[]): Promise<string> {
  mkdirSync(target, { mode: 0o700 })
  const isDevice = statSync(source, { throwIfNoEntry: false })?.isBlockDevice() === true
  try {
    await run(BUSYBOX, ['mount', '-t', 'iso9660', '-o', `ro,nosuid,nodev,noexec,overriderockperm,mode=0400,dmode=0500${isDevice ? '' : ',loop'}`, source, target])
  } catch (error) {
    throw new NodeError('NO_MEDIUM', `${source} cannot be mounted: ${error instanceof Error ? error.message : String(error)}`, 'name an ISO file, or the device of a disc or stick: plump support lists the disks')
  }
  ends.push(() => run(BUSYBOX, ['umount', target]))
  return target
}

/** Where the medium's files are, by their path on it. Throws NodeError NO_MEDIUM when it cannot serve others. */
async function filesOf(medium: string): Promise<Map<string, string>> {
  if (![PACKED_LOADERS, PACKED_SERVER].every((path) => existsSync(join(medium, path)))) {
    throw new NodeError('NO_MEDIUM', `${medium === OWN_MEDIUM ? 'what this node keeps of its medium' : 'this'} has no boot loaders for the network`, OTHER_SOURCE)
  }
  const entries = await readdir(medium, { recursive: true, withFileTypes: true })
  return new Map(entries.filter((entry) => entry.isFile()).map((entry) => {
    const path = join(entry.parentPath, entry.name)
    return [relative(medium, path), path]
  }))
}

async function unpack(archive: string, target: string): Promise<void> {
  mkdirSync(target)
  try {
    await run(BUSYBOX, ['tar', '-xJf', archive, '-C', target], UNPACK_LIMIT_MS)
  } catch (error) {
    throw new NodeError('NO_MEDIUM', `the medium cannot be read: ${error instanceof Error ? error.message : String(error)}`, OTHER_SOURCE)
  }
}
