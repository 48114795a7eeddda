import type { Command } from 'commander'
import { newestIso } from '../config/newest-iso.ts'
import { ensureTools } from '../doctor/ensure-tools.ts'
import { EXIT, PlumpError } from '../errors.ts'
import { readIsoVolume } from '../flash/iso-volume.ts'
import { interruption } from '../os/interruption.ts'
import { describeBootEvent } from '../../schema/boot-server/boot-journal.ts'
import { describeLan } from '../../schema/boot-server/lan.ts'
import { serve } from '../serve/serve.ts'

interface Options {
  interface?: string
  dhcp?: string
  port: string
  json?: boolean
}

export function registerServe(program: Command): void {
  program.command('serve')
    .description('Let PCs of a network boot an ISO without a medium (PXE, BIOS and UEFI), until Ctrl-C; tells who booted what. Needs root.')
    .argument('[iso]', 'the ISO to serve; default: the newest in final/')
    .option('--interface <name>', 'network interface to serve; needed when there are several')
    .option('--dhcp <network>', 'be the DHCP server, as in 192.168.77.0/24, where there is none; default: stand beside the one there is')
    .option('--port <number>', 'TCP port of the big files', '4680')
    .option('--json', 'print one JSON event per line')
    .action(serveVerb)
}

async function serveVerb(iso: string | undefined, options: Options): Promise<void> {
  const port = Number(options.port)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new PlumpError('USAGE', `--port: "${options.port}" is no port`, { fix: 'a number from 1 to 65535', exitCode: EXIT.usage })
  if (process.getuid?.() !== 0) {
    throw new PlumpError('NOT_ROOT', 'only root may answer DHCP requests (ports 67, 69 and 4011)', { fix: 'sudo ./plump serve', exitCode: EXIT.usage })
  }
  await ensureTools('serve')
  const file = await newestIso(iso)
  const { imageId } = await readIsoVolume(file)
  const print = (text: string, event: object): void => void process.stdout.write(`${options.json ? JSON.stringify({ time: new Date().toISOString(), ...event }) : `${new Date().toTimeString().slice(0, 8)} ${text}`}\n`)
  await serve({
    iso: file, port, interface: options.interface, dhcp: options.dhcp, signal: interruption(),
    onServing: (lan) => print(`serving ${file} on ${describeLan(lan)}; Ctrl-C ends it`, { event: 'serving', imageId, interface: lan.interface, address: lan.address, port, dhcp: lan.pool ?? null }),
    onEvent: (event) => print(describeBootEvent(event), event),
    onRemark: (text) => void process.stderr.write(`note: ${text}\n`),
  })
}
