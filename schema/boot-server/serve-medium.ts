import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BootJournal, parseArp, type BootEvent } from './boot-journal.ts'
import { dnsmasqConfig } from './dnsmasq-config.ts'
import { startDnsmasq, type DnsmasqProgram } from './dnsmasq.ts'
import { startFileServer, type ServedFiles } from './file-server.ts'
import type { Lan } from './lan.ts'
import { carriedFiles, grubScript, ipxeFiles, ipxeScript } from './scripts.ts'

/** Path on the medium of the boot loaders for the network, an archive of what belongs into the TFTP folder. */
export const PACKED_LOADERS = 'boot/netboot/loaders.tar.xz'
/** The same of dnsmasq and the libraries that a node lacks for it, for nodes that serve their medium. */
export const PACKED_SERVER = 'boot/netboot/server.tar.xz'
/** TCP port of the big files, unless another is named. */
export const FILES_PORT = 4680

export interface MediumServing {
  lan: Lan
  dnsmasq: DnsmasqProgram
  port: number
  /** Where the medium's files are, by their path on it. */
  files: ReadonlyMap<string, string>
  /** A folder of our own, with the unpacked loaders in `tftp/`. Whoever dnsmasq runs as must be able to read that. */
  folder: string
  /** See DnsmasqOptions. */
  sameUser: boolean
  signal: AbortSignal
  onEvent: (event: BootEvent) => void
  onServing: () => void
}

/** Serves a medium to machines that start over a network, until the signal fires: by DHCP and TFTP of dnsmasq and by HTTP of ours. Throws BootServerProblem. */
export async function serveMedium({ lan, dnsmasq: program, port, files, folder, sameUser, signal, onEvent, onServing }: MediumServing): Promise<void> {
  const host = `${lan.address}:${port}`
  const paths = [...files.keys()]
  const tftpFolder = join(folder, 'tftp')
  await mkdir(join(tftpFolder, 'grub'), { recursive: true })
  await writeFile(join(tftpFolder, 'grub/grub.cfg'), grubScript(host, paths))
  await writeFile(join(tftpFolder, 'boot.ipxe'), ipxeScript(host))
  const journal = new BootJournal(carriedFiles(paths), (address) => parseArp(readFileSync('/proc/net/arp', 'utf8')).get(address), onEvent)
  const server = await startFileServer(servedFiles(files, tftpFolder, host), { address: lan.address, port }, (request) => journal.fileSent(request))
  try {
    const configFile = join(folder, 'dnsmasq.conf')
    await writeFile(configFile, dnsmasqConfig(lan, { tftpFolder, leaseFile: join(folder, 'leases'), host, sameUser }))
    const dnsmasq = await startDnsmasq(program, configFile, (line) => journal.logLine(line), signal)
    try {
      onServing()
      await dnsmasq.ended
    } finally {
      await dnsmasq.stop()
    }
  } finally {
    server.close().closeAllConnections()
  }
}

/** The medium, the script that lists its files, the boot loaders, and nothing else. */
function servedFiles(files: ReadonlyMap<string, string>, tftpFolder: string, host: string): ServedFiles {
  const paths = [...files.keys()]
  const served = new Map<string, { file: string } | { text: string }>([...files].map(([path, file]) => [path, { file }]))
  served.set('files.ipxe', { text: ipxeFiles(paths) })
  // UEFI by HTTP asks for its loaders below the medium, and GRUB for its configuration beside itself or at the top.
  for (const name of ['shimx64.efi', 'grubx64.efi']) served.set(`boot/netboot/${name}`, { file: join(tftpFolder, name) })
  for (const path of ['boot/netboot/grub/grub.cfg', 'grub/grub.cfg']) served.set(path, { text: grubScript(host, paths) })
  return served
}
