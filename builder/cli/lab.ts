import { existsSync } from 'node:fs'
import { Option, type Command } from 'commander'
import { EXIT, PlumpError } from '../errors.ts'
import { attachConsole } from '../lab/console.ts'
import { readGrowing } from '../lab/follow.ts'
import { DEFAULT_LAB, openLab, startLab, type Lab } from '../lab/lab.ts'
import { DHCP_KINDS, FIRMWARES, MEDIA, usage, type DhcpKind, type NodeOptions } from '../lab/options.ts'
import { formatRows, labRows, shellLine } from '../lab/overview.ts'
import { stopAtSignals } from '../lab/signals.ts'
import { watchBoot } from '../lab/watch-boot.ts'

interface NodeFlags {
  mem?: number
  cpus?: number
  firmware?: NodeOptions['firmware']
  medium?: NodeOptions['medium']
  nic?: string
  iso?: string
  append?: string
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
  const lab = program.command('lab').description('a virtual cluster in QEMU that boots the ISO, on a private network of its own')
  lab.option('-l, --lab <name>', 'which lab, when there are several', DEFAULT_LAB)
  const open = (): Promise<Lab> => openLab(lab.opts<{ lab: string }>().lab)

  nodeOptions(lab.command('up').description('start a lab and wait until its nodes are ready'))
    .option('-n, --nodes <count>', 'how many nodes', whole, 1)
    .addOption(new Option('--dhcp <server>', 'DHCP server of its networks').choices(DHCP_KINDS).default('node-dhcp'))
    .option('--lease-seconds <seconds>', 'how long leases last (dnsmasq: 120 or more)', whole, 3600)
    .action((flags: UpFlags) => up(lab.opts<{ lab: string }>().lab, flags))
  nodeOptions(lab.command('add').description('start one more node, of any kind'))
    .action(async (flags: NodeFlags) => add(await open(), flags))
  lab.command('ls').description('list the nodes: state, stage, id, address, members, network cards')
    .option('--json', 'as JSON')
    .action(async (flags: { json?: boolean }) => {
      const rows = labRows(await (await open()).status())
      print(flags.json ? JSON.stringify(rows, undefined, 2) : formatRows(rows))
    })
  lab.command('exec').description('run a command on a node as root; needs neither network nor agent there')
    .argument('<node>', 'number of the node', whole)
    .argument('<command...>', 'one word: a shell line; several: a program and its arguments')
    .option('--limit <seconds>', 'stop it after this', whole, 3600)
    .action(async (node: number, words: string[], flags: { limit: number }) => exec(await open(), node, words, flags.limit))
  lab.command('console').description('the serial console of a node; Ctrl-] leaves it')
    .argument('<node>', 'number of the node', whole)
    .action(async (node: number) => console(await open(), node))
  lab.command('log').description('what a node wrote to its serial console')
    .argument('<node>', 'number of the node', whole)
    .option('-f, --follow', 'go on as it grows')
    .action(async (node: number, flags: { follow?: boolean }) => log(await open(), node, flags.follow ?? false))
  lab.command('cut').description("cut a node's wires inside the switch: its cards still see a carrier")
    .argument('<node>', 'number of the node', whole)
    .option('--carrier', 'pull the cable at the card: no carrier either')
    .option('--nic <index>', 'only this card, counted from 0', whole)
    .action(async (node: number, flags: { carrier?: boolean; nic?: number }) => (await open()).node(node).cut(flags))
  lab.command('heal').description('undo a cut')
    .argument('<node>', 'number of the node', whole)
    .option('--nic <index>', 'only this card, counted from 0', whole)
    .option('--network <number>', 'plug it in at this network', whole)
    .action(async (node: number, flags: { nic?: number; network?: number }) => (await open()).node(node).heal(flags))
  lab.command('kill').description('pull the power cord of a node')
    .argument('<node>', 'number of the node', whole)
    .action(async (node: number) => (await open()).node(node).kill())
  lab.command('start').description('switch a node on again')
    .argument('<node>', 'number of the node', whole)
    .action(async (node: number) => (await open()).node(node).start())
  lab.command('plug').description('plug a network card into a running node')
    .argument('<node>', 'number of the node', whole)
    .argument('<model>', 'MODEL, MODEL@NETWORK or MODEL@none')
    .action(async (node: number, model: string) => (await open()).node(node).plug(model))
  lab.command('dhcp').description('change the DHCP server of a network')
    .argument('<server>', DHCP_KINDS.join(', '))
    .option('--network <number>', 'which network', whole, 0)
    .option('--lease-seconds <seconds>', 'how long leases last', whole)
    .action(async (server: string, flags: { network: number; leaseSeconds?: number }) => {
      const kind = DHCP_KINDS.find((known) => known === server)
      if (!kind) throw usage(`"${server}" is no DHCP server of the lab`, `one of ${DHCP_KINDS.join(', ')}`)
      await (await open()).setDhcp(flags.network, kind, flags)
    })
  lab.command('down').description('end the lab; nothing of it stays')
    .action(async () => (await open()).down())
}

function nodeOptions(command: Command): Command {
  return command
    .option('--mem <MiB>', 'memory of a node (default: 512)', whole)
    .option('--cpus <count>', 'processors of a node (default: 1)', whole)
    .addOption(new Option('--firmware <kind>', 'what starts the machine (default: bios)').choices(FIRMWARES))
    .addOption(new Option('--medium <kind>', 'the ISO as CD or as USB disk, or its kernel directly (default: cd)').choices(MEDIA))
    .option('--nic <models>', 'network cards: MODEL[@NETWORK|@none],… with any model QEMU has (default: virtio-net-pci)')
    .option('--iso <file>', 'the ISO to boot (default: the newest in final/)')
    .option('--append <text>', 'more kernel arguments (medium kernel only)')
    .option('--no-wait', 'return as soon as the machines are on')
    .option('--limit <seconds>', 'how long to wait for a node to be ready', whole, 300)
}

async function up(name: string, flags: UpFlags): Promise<void> {
  const stop = stopAtSignals()
  const lab = await startLab({ ...fromFlags(flags), name, nodes: flags.nodes, dhcp: flags.dhcp, leaseSeconds: flags.leaseSeconds, signal: stop.signal })
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

async function add(lab: Lab, flags: NodeFlags): Promise<void> {
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
    ...(flags.firmware === undefined ? {} : { firmware: flags.firmware }),
    ...(flags.medium === undefined ? {} : { medium: flags.medium }),
    ...(flags.nic === undefined ? {} : { nics: flags.nic }),
    ...(flags.iso === undefined ? {} : { iso: flags.iso }),
    ...(flags.append === undefined ? {} : { append: flags.append }),
  }
}

async function exec(lab: Lab, node: number, words: string[], limitSeconds: number): Promise<void> {
  const stop = stopAtSignals()
  try {
    const result = await lab.node(node).exec(shellLine(words), {
      limitSeconds, signal: stop.signal, onOutput: (stream, bytes) => void process[stream].write(bytes),
    })
    process.exitCode = result.exitCode
  } finally {
    stop.done()
  }
}

async function console(lab: Lab, node: number): Promise<void> {
  const status = await lab.node(node).status()
  progress(`node ${node}: serial console; Ctrl-] leaves it`)
  await attachConsole(status, { input: process.stdin, output: process.stdout })
}

async function log(lab: Lab, node: number, follow: boolean): Promise<void> {
  const { serialLog } = await lab.node(node).status()
  if (!existsSync(serialLog)) throw new PlumpError('NO_LOG', `node ${node} has written nothing yet`, { fix: './plump lab ls', exitCode: EXIT.failed })
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
