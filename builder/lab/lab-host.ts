import { join } from 'node:path'
import { PlumpError } from '../errors.ts'
import { chooseAccelerator } from './accelerator.ts'
import type { LabStatus, NodeStatus } from './control-protocol.ts'
import { BootService } from './boot-service.ts'
import { DhcpService } from './dhcp-service.ts'
import { Machine, type WiredNic } from './machine.ts'
import { addBridge, addressPlan, wire, type AddressPlan } from './network.ts'
import type { DhcpKind, LabConfig, MachineConfig, Nic } from './options.ts'

interface Network {
  plan: AddressPlan
  dhcp: DhcpService
  /** Lets machines boot over the network; there once one of them wants to. */
  boot: BootService
}

/** The lab itself, inside the supervisor: its networks and its machines. */
export class LabHost {
  /** Set by the control server while a caller holds the lab. */
  held = false
  readonly #config: LabConfig
  readonly #folder: string
  readonly #networks = new Map<number, Network>()
  readonly #machines: Machine[] = []

  constructor(config: LabConfig, folder: string) {
    this.#config = config
    this.#folder = folder
  }

  /** Networks and their DHCP servers first, then all machines, so that none boots into a network that is not there. */
  async start(): Promise<void> {
    for (const machine of this.#config.machines) await this.#prepare(machine)
    await Promise.all(this.#machines.map((machine) => machine.start()))
  }

  /** Adds a machine, switches it on and gives its number. */
  async add(config: MachineConfig): Promise<number> {
    const machine = await this.#prepare(config)
    await machine.start()
    return machine.number
  }

  async #prepare(config: MachineConfig): Promise<Machine> {
    const number = this.#machines.length + 1
    const machine = new Machine(number, join(this.#folder, `n${number}`), config)
    this.#machines.push(machine)
    await machine.prepare()
    for (const nic of machine.nics) await this.#wire(nic)
    await this.#serveBoot(machine)
    return machine
  }

  async #serveBoot({ config, nics }: Machine): Promise<void> {
    const network = nics[0]?.network
    if (config.medium.kind !== 'network' || config.medium.iso === undefined || network === null || network === undefined) return
    const { boot, dhcp } = await this.#network(network)
    await boot.serve(config.medium.iso, { alone: dhcp.kind === 'none' })
  }

  async #wire(nic: WiredNic): Promise<void> {
    await wire(nic.tap, nic.wired && nic.network !== null ? (await this.#network(nic.network)).plan : undefined)
  }

  async #network(number: number): Promise<Network> {
    const known = this.#networks.get(number)
    if (known) return known
    const plan = addressPlan(number)
    const network = { plan, dhcp: new DhcpService(plan, this.#folder), boot: new BootService(plan, this.#folder) }
    this.#networks.set(number, network)
    await addBridge(plan)
    await network.dhcp.change(this.#config.dhcp, { leaseSeconds: this.#config.leaseSeconds })
    return network
  }

  /** Throws PlumpError NO_NODE. */
  machine(number: number): Machine {
    const machine = this.#machines[number - 1]
    if (machine) return machine
    throw new PlumpError('NO_NODE', `there is no node ${number} in this lab`, { fix: './plump lab ls shows those there are' })
  }

  /** Takes a node's wires, or one of them, off the switch; with `carrier` the guest's end goes dead too. */
  async cut(number: number, options: { nic?: number | undefined; carrier: boolean }): Promise<void> {
    const machine = this.machine(number)
    for (const nic of nicsOf(machine, options.nic)) {
      nic.wired = false
      await this.#wire(nic)
      if (options.carrier) await machine.setCarrier(nic, false)
    }
  }

  /** Undoes {@link cut}; `network` plugs one card's wire into another network, or one that was plugged in nowhere. */
  async heal(number: number, options: { nic?: number | undefined; network?: number | undefined }): Promise<void> {
    const machine = this.machine(number)
    for (const nic of nicsOf(machine, options.nic)) {
      nic.network = options.network ?? nic.network
      if (nic.network === null) continue
      nic.wired = true
      await this.#wire(nic)
      if (!nic.carrier) await machine.setCarrier(nic, true)
    }
  }

  /** Plugs a new card into a node and gives its index. */
  async plug(number: number, card: Nic): Promise<number> {
    if (card.network !== null) await this.#network(card.network)
    const nic = await this.machine(number).plug(card)
    await this.#wire(nic)
    return nic.index
  }

  async setDhcp(number: number, kind: DhcpKind, { leaseSeconds = this.#config.leaseSeconds, ntp }: { leaseSeconds?: number | undefined; ntp?: string | undefined }): Promise<void> {
    await (await this.#network(number)).dhcp.change(kind, { leaseSeconds, ntp })
  }

  async status(): Promise<LabStatus> {
    return {
      name: this.#config.name,
      held: this.held,
      accelerator: await chooseAccelerator(),
      nodes: this.#machines.map(nodeStatus),
      networks: [...this.#networks.values()].map(({ plan, dhcp }) => ({ network: plan.network, dhcp: dhcp.kind })),
    }
  }
}

function nodeStatus(machine: Machine): NodeStatus {
  return {
    node: machine.number,
    state: machine.state,
    boots: machine.boots,
    folder: machine.folder,
    serialLog: machine.serialLog,
    nics: machine.nics.map(({ index, model, mac, network, wired, carrier }) => ({ index, model, mac, network, wired, carrier })),
  }
}

function nicsOf(machine: Machine, index: number | undefined): WiredNic[] {
  if (index === undefined) return machine.nics
  const nic = machine.nics[index]
  if (!nic) throw new PlumpError('NO_NIC', `node ${machine.number} has no network card ${index}`, { fix: './plump lab ls --json shows its cards' })
  return [nic]
}
