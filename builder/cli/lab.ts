import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { Option, type Command } from 'commander'
import { EXIT, PlumpError } from '../errors.ts'
import { attachConsole } from '../lab/console.ts'
import { readGrowing } from '../lab/follow.ts'
import { DEFAULT_LAB, openLab, startLab } from '../lab/lab.ts'
import type { LabNode } from '../lab/lab-node.ts'
import { DHCP_KINDS, FIRMWARES, MEDIA, usage, type DhcpKind, type NodeOptions } from '../lab/options.ts'
import { formatRows, labRows, shellLine } from '../lab/overview.ts'
import { stopAtSignals } from '../lab/signals.ts'
import { terminalPicture } from '../lab/terminal-picture.ts'
import { watchBoot } from '../lab/watch-boot.ts'

interface LabFlag {
  lab: string
}

interface NodeFlags extends LabFlag {
  mem?: number
  cpus?: number
  cpu?: string
  firmware?: NodeOptions['firmware']
  medium?: NodeOptions['medium']
  nic?: string
  iso?: string
  disk?: string
  append?: string
  kernel?: string
  clock?: string
  wait: boolean
  limit: number
}

interface UpFlags extends NodeFlags {
  nodes: number
  dhcp: DhcpKind
  leaseSeconds: number
}

/** Adds `lab` and its verbs to the command line. */
export function registerLab(program: Command): void {
  const lab = program.command('lab').description('Run a virtual cluster in QEMU that boots the ISO, on a private network of its own.').enablePositionalOptions()
  const verb = (name: string, description: string): Command =>
    lab.command(name).description(description).option('--lab <name>', 'which lab, when there are several', DEFAULT_LAB)
  const nodeVerb = (name: string, description: string): Command => verb(name, description).argument('<node>', 'number of the node', whole)

  nodeOptions(verb('up', 'Start a lab and wait until its nodes are ready.'))
    .option('--nodes <count>', 'how many nodes', whole, 1)
    .addOption(new Option('--dhcp <server>', 'DHCP server of its networks').choices(DHCP_KINDS).default('node-dhcp'))
    .option('--lease-seconds <seconds>', 'how long leases last (dnsmasq: 120 or more)', whole, 3600)
    .action(up)
  nodeOptions(verb('add', 'Start one more node, of any kind.')).action(add)
  verb('ls', 'List the nodes: state, stage, id, address, members, network cards.').option('--json', 'print the list as JSON').action(list)
  registerNodeVerbs(nodeVerb)
  verb('dhcp', 'Change the DHCP server of a network.')
    .argument('<server>', DHCP_KINDS.join(', '))
    .option('--network <number>', 'which network', whole, 0)
    .option('--lease-seconds <seconds>', 'how long leases last', whole)
    .action(changeDhcp)
  lab.command('picture').description('Draw what a terminal shows, given as text on stdin, as an SVG picture: tmux capture-pane -p | ./plump lab picture FILE')
    .argument('<file>', 'the SVG file')
    .action(async (file: string) => writeFile(file, terminalPicture(await text(process.stdin))))
  verb('down', 'End the lab; nothing of it stays.').action(async (flags: LabFlag) => (await openLab(flags.lab)).down())
}

/** The verbs about one node, whose number is their first argument. */
function registerNodeVerbs(nodeVerb: (name: string, description: string) => Command): void {
  const nodeOf = async (number: number, flags: LabFlag): Promise<LabNode> => (await openLab(flags.lab)).node(number)

  nodeVerb('exec', 'Run a command on a node as root; it needs neither network nor agent there.')
    .argument('<command...>', 'one word: a shell line; several: a program and its arguments')
    .option('--limit <seconds>', 'stop it after this', whole, 3600)
    .passThroughOptions()
    .action(async (number: number, words: string[], flags: LabFlag & { limit: number }) => exec(await nodeOf(number, flags), words, flags.limit))
  nodeVerb('console', 'Open the serial console of a node; Ctrl-] leaves it.')
    .action(async (number: number, flags: LabFlag) => console(await nodeOf(number, flags)))
  nodeVerb('log', 'Print what a node wrote to its serial console.')
    .option('-f, --follow', 'go on as it grows')
    .action(async (number: number, flags: LabFlag & { follow?: boolean }) => log(await nodeOf(number, flags), flags.follow ?? false))
  nodeVerb('cut', "Cut a node's wires inside the switch: its cards still see a carrier.")
    .option('--carrier', 'pull the cable at the card: no carrier either')
    .option('--nic <index>', 'only this card, counted from 0', whole)
    .action(async (number: number, flags: LabFlag & { carrier?: boolean; nic?: number }) => (await nodeOf(number, flags)).cut(flags))
  nodeVerb('heal', 'Undo a cut.')
    .option('--nic <index>', 'only this card, counted from 0', whole)
    .option('--network <number>', 'plug it in at this network', whole)
    .action(async (number: number, flags: LabFlag & { nic?: number; network?: number }) => (await nodeOf(number, flags)).heal(flags))
  nodeVerb('kill', 'Pull the power cord of a node.')
    .action(async (number: number, flags: LabFlag) => (await nodeOf(number, flags)).kill())
  nodeVerb('power', 'Press the power button of a node: it sends guests home and switches itself off.')
    .action(async (number: number, flags: LabFlag) => (await nodeOf(number, flags)).pressPower())
  nodeVerb('start', 'Switch a node on again.')
    .action(async (number: number, flags: LabFlag) => (await nodeOf(number, flags)).start())
  nodeVerb('plug', 'Plug a network card into a running node.')
    .argument('<model>', 'MODEL, MODEL@NETWORK or MODEL@none')
    .action(async (number: number, model: string, flags: LabFlag) => (await nodeOf(number, flags)).plug(model))
  nodeVerb('type', "Type on a node's keyboard, and then Enter.")
    .argument('<text>', 'plain ASCII, on a US keyboard')
    .action(async (number: number, text: string, flags: LabFlag) => (await nodeOf(number, flags)).type(`${text}\n`))
  nodeVerb('screen', "Save what is on a node's screen.")
    .argument('<file>', 'a PNG file')
    .action(async (number: number, file: string, flags: LabFlag) => (await nodeOf(number, flags)).screendump(file))
  nodeVerb('eject', 'Take the CD out of a node, or pull the USB disk it was started from.')
    .action(async (number: number, flags: LabFlag) => (await nodeOf(number, flags)).eject())
  nodeVerb('stick', 'Plug a disk image into a running node as a USB stick.')
    .argument('<file>', 'the image; it is only read, unless --writable')
    .option('--writable', 'let the node write to the image')
    .action(async (number: number, file: string, flags: LabFlag & { writable?: boolean }) => (await nodeOf(number, flags)).plugDisk(file, flags))
}

const MEDIUM_HELP = 'the ISO as CD or as USB disk, its kernel directly, over the network from ./plump serve (network), '
  + 'or from whoever serves it there, a node for one (pxe; default: cd)'

function nodeOptions(command: Command): Command {
  return command
    .option('--mem <MiB>', 'memory of a node (default: 512)', whole)
    .option('--cpus <count>', 'processors of a node (default: 1)', whole)
    .option('--cpu <model>', 'their model and flags, as QEMU names them: max,-avx2 (default: those of this machine; emulated: max,-erms)')
    .addOption(new Option('--firmware <kind>', 'what starts the machine (default: bios)').choices(FIRMWARES))
    .addOption(new Option('--medium <kind>', MEDIUM_HELP).choices(MEDIA))
    .option('--nic <models>', 'network cards: MODEL[@NETWORK|@none],… with any model QEMU has (default: virtio-net-pci)')
    .option('--iso <file>', 'the ISO to boot (default: the newest in final/)')
    .option('--disk <file>', 'an image file as a disk that the node may write to')
    .option('--kernel <name>', 'which kernel of the ISO (medium kernel only; default: debian)')
    .option('--append <text>', 'more kernel arguments (medium kernel only)')
    .option('--clock <time>', 'what its clock says when it is switched on, as in 2003-03-01T12:00:00 (default: the right time)')
    .option('--no-wait', 'return as soon as the machines are on')
    .option('--limit <seconds>', 'how long to wait for a node to be ready', whole, 300)
}

async function up(flags: UpFlags): Promise<void> {
  const stop = stopAtSignals()
  const lab = await startLab({ ...fromFlags(flags), name: flags.lab, nodes: flags.nodes, dhcp: flags.dhcp, leaseSeconds: flags.leaseSeconds, signal: stop.signal })
  try {
    if (flags.wait) await watchBoot(lab.nodes, { limitSeconds: flags.limit, signal: stop.signal, report: progress })
  } catch (error) {
    if (stop.signal.aborted) await lab.down()
    throw error
  } finally {
    lab.release()
    stop.done()
  }
}

async function add(flags: NodeFlags): Promise<void> {
  const lab = await openLab(flags.lab)
  const stop = stopAtSignals()
  try {
    const node = await lab.add(fromFlags(flags))
    if (flags.wait) await watchBoot([node], { limitSeconds: flags.limit, signal: stop.signal, report: progress })
  } finally {
    stop.done()
  }
}

function fromFlags(flags: NodeFlags): NodeOptions {
  return {
    ...(flags.mem === undefined ? {} : { memoryMiB: flags.mem }),
    ...(flags.cpus === undefined ? {} : { cpus: flags.cpus }),
    ...(flags.cpu === undefined ? {} : { cpu: flags.cpu }),
    ...(flags.firmware === undefined ? {} : { firmware: flags.firmware }),
    ...(flags.medium === undefined ? {} : { medium: flags.medium }),
    ...(flags.nic === undefined ? {} : { nics: flags.nic }),
    ...(flags.iso === undefined ? {} : { iso: flags.iso }),
    ...(flags.disk === undefined ? {} : { disk: flags.disk }),
    ...(flags.append === undefined ? {} : { append: flags.append }),
    ...(flags.kernel === undefined ? {} : { kernel: flags.kernel }),
    ...(flags.clock === undefined ? {} : { clock: flags.clock }),
  }
}

async function list(flags: LabFlag & { json?: boolean }): Promise<void> {
  const rows = labRows(await (await openLab(flags.lab)).status())
  print(flags.json ? JSON.stringify(rows, undefined, 2) : formatRows(rows))
}

async function changeDhcp(server: string, flags: LabFlag & { network: number; leaseSeconds?: number }): Promise<void> {
  const kind = DHCP_KINDS.find((known) => known === server)
  if (!kind) throw usage(`"${server}" is no DHCP server of the lab`, `one of ${DHCP_KINDS.join(', ')}`)
  await (await openLab(flags.lab)).setDhcp(flags.network, kind, flags)
}

async function exec(node: LabNode, words: string[], limitSeconds: number): Promise<void> {
  const stop = stopAtSignals()
  try {
    const result = await node.exec(shellLine(words), {
      limitSeconds, signal: stop.signal, onOutput: (stream, bytes) => void process[stream].write(bytes),
    })
    process.exitCode = result.exitCode
  } finally {
    stop.done()
  }
}

async function console(node: LabNode): Promise<void> {
  const status = await node.status()
  progress(`node ${node.number}: serial console; Ctrl-] leaves it`)
  await attachConsole(status, { input: process.stdin, output: process.stdout })
}

async function log(node: LabNode, follow: boolean): Promise<void> {
  const { serialLog } = await node.status()
  if (!existsSync(serialLog)) throw new PlumpError('NO_LOG', `node ${node.number} has written nothing yet`, { fix: './plump lab ls', exitCode: EXIT.failed })
  const stop = stopAtSignals()
  for await (const piece of readGrowing(serialLog, follow ? stop.signal : undefined)) process.stdout.write(piece)
  stop.done()
}

function whole(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw usage(`"${text}" is not a whole number`, 'see ./plump lab --help')
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`)
}
