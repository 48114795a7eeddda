import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Secret } from '../../schema/inspection.ts'
import { describeSecrets } from '../image/secrets.ts'
import { run } from '../os/run.ts'
import { PROJECT_FOLDER } from '../version.ts'
import { BootJournal, parseArp, type BootEvent } from './boot-journal.ts'
import { startDnsmasq } from './dnsmasq.ts'
import { dnsmasqConfig } from './dnsmasq-config.ts'
import { startFileServer, type ServedFiles } from './file-server.ts'
import { chooseLan, type Lan, type LanWishes } from './lan.ts'
import { carriedFiles, grubScript, ipxeFiles, ipxeScript, unservable } from './scripts.ts'
import { openServedMedium } from './served-medium.ts'

const TEMPLATE = join(PROJECT_FOLDER, 'templates/dnsmasq.conf.hbs')

export interface ServeOptions extends LanWishes {
  iso: string
  port: number
  signal: AbortSignal
  onEvent: (event: BootEvent) => void
  /** Something to know that does not stop the serving. */
  onRemark: (text: string) => void
  onServing: (lan: Lan) => void
}

/** Serves an ISO to machines that start over the network, until the signal fires. Throws PlumpError. */
export async function serve(options: ServeOptions): Promise<void> {
  const { signal } = options
  const lan = chooseLan(networkInterfaces(), options)
  const host = `${lan.address}:${options.port}`
  const folder = await mkdtemp(join(tmpdir(), 'plump-serve-'))
  const ends: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })]
  try {
    // The folder is for us alone but for what dnsmasq, which runs as another user, sends by TFTP.
    await chmod(folder, 0o711)
    const tftpFolder = join(folder, 'tftp')
    await mkdir(join(tftpFolder, 'grub'), { recursive: true })
    const medium = await openServedMedium(options.iso, join(folder, 'medium'), tftpFolder, signal)
    const paths = [...medium.files.keys()]
    for (const remark of remarksOn(medium.secrets, unservable(paths))) options.onRemark(remark)
    await writeFile(join(tftpFolder, 'grub/grub.cfg'), grubScript(host, paths))
    await writeFile(join(tftpFolder, 'boot.ipxe'), ipxeScript(host))

    if (lan.addressMissing) {
      await run('ip', ['link', 'set', lan.interface, 'up'], { signal })
      await run('ip', ['address', 'add', `${lan.address}/${lan.prefixLength}`, 'dev', lan.interface], { signal })
      ends.push(() => run('ip', ['address', 'delete', `${lan.address}/${lan.prefixLength}`, 'dev', lan.interface]))
    }
    const journal = new BootJournal(carriedFiles(paths), (address) => parseArp(readFileSync('/proc/net/arp', 'utf8')).get(address), options.onEvent)
    const server = await startFileServer(servedFiles(medium.files, host), { address: lan.address, port: options.port }, (request) => journal.fileSent(request))
    ends.push(async () => server.close().closeAllConnections())
    const configFile = join(folder, 'dnsmasq.conf')
    await writeFile(configFile, dnsmasqConfig(await readFile(TEMPLATE, 'utf8'), lan, {
      tftpFolder, leaseFile: join(folder, 'leases'), host, sameUser: isUserNamespace(readFileSync('/proc/self/uid_map', 'utf8')) || !await isOpenToAll(folder),
    }))
    const dnsmasq = await startDnsmasq(configFile, (line) => journal.logLine(line), signal)
    ends.push(() => dnsmasq.stop())
    options.onServing(lan)
    await dnsmasq.ended
  } finally {
    for (const end of ends.reverse()) await end()
  }
}

/** What whoever serves a medium should know of it. */
export function remarksOn(secrets: readonly Secret[], leftOut: readonly string[]): string[] {
  return [
    ...(secrets.length === 0 ? [] : [`this ISO carries ${describeSecrets(secrets)}, and whoever asks on this network is given that`
      + `${secrets.includes('cluster-key') ? '; cluster.key: ask in plump.yaml makes one without the key' : ''}`]),
    ...(leftOut.length === 0 ? [] : [`not served, because boot loaders cannot name them: ${leftOut.join(', ')}`]),
  ]
}

/** The medium, the script that lists its files, and nothing else. */
function servedFiles(files: ReadonlyMap<string, string>, host: string): ServedFiles {
  const paths = [...files.keys()]
  const served = new Map<string, { file: string } | { text: string }>([...files].map(([path, file]) => [path, { file }]))
  served.set('files.ipxe', { text: ipxeFiles(paths) })
  // UEFI by HTTP: GRUB looks for its configuration beside itself.
  served.set('boot/netboot/grub/grub.cfg', { text: grubScript(host, paths) })
  return served
}

/** Whether other users can reach a folder: a lab keeps its own to itself. */
async function isOpenToAll(folder: string): Promise<boolean> {
  for (let path = folder; path !== '/'; path = dirname(path)) {
    if (((await stat(path)).mode & 0o001) === 0) return false
  }
  return true
}

/** Whether this process can change to few users only: /proc/self/uid_map of the machine itself maps all of them (user_namespaces(7)). */
export function isUserNamespace(uidMap: string): boolean {
  return !/^\s*0\s+0\s+4294967295\s*$/.test(uidMap)
}
