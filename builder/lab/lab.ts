import { glob } from 'node:fs/promises'
import { join } from 'node:path'
import { resolveMachine } from './boot-files.ts'
import { call, hold } from './control-client.ts'
import { labStatusSchema, type LabStatus, type Request } from './control-protocol.ts'
import { LabNode } from './lab-node.ts'
import { launchSupervisor } from './launch.ts'
import { NODE_LIMIT, usage, type DhcpKind, type NodeOptions } from './options.ts'
import { PlumpError } from '../errors.ts'
import { createLabFolder, labFolder, labOwner, removeLabFolder, sweepLabs } from './state-folder.ts'

const DEFAULT_LEASE_SECONDS = 3600

export interface LabOptions extends NodeOptions {
  /** Labs of different names run side by side. */
  name?: string
  nodes?: number
  /** DHCP server of every network; {@link Lab.setDhcp} changes it later. */
  dhcp?: DhcpKind
  leaseSeconds?: number
  signal?: AbortSignal
}

/**
 * Starts a virtual cluster and gives a handle on it as soon as its machines are switched on. The lab lives as long as this
 * process, unless {@link Lab.release} is called. Throws PlumpError.
 */
export async function startLab(options: LabOptions = {}): Promise<Lab> {
  const count = options.nodes ?? 1
  if (!Number.isInteger(count) || count < 0 || count > NODE_LIMIT) throw usage(`${count} nodes`, `a lab has 0 to ${NODE_LIMIT} nodes`)
  const name = options.name ?? DEFAULT_LAB
  const folder = createLabFolder(name)
  try {
    const machine = await resolveMachine(options, folder)
    const machines = Array.from({ length: count }, () => machine)
    const { dhcp = 'node-dhcp', leaseSeconds = DEFAULT_LEASE_SECONDS } = options
    await launchSupervisor(folder, { name, dhcp, leaseSeconds, machines }, options.signal)
    return new Lab(name, count, await hold(join(folder, 'control')))
  } catch (error) {
    removeLabFolder(folder)
    throw error
  }
}

export const DEFAULT_LAB = 'lab'

/** A handle on a lab that runs. Throws PlumpError NO_LAB. */
export async function openLab(name = DEFAULT_LAB): Promise<Lab> {
  sweepLabs()
  if (!labOwner(labFolder(name))) throw new PlumpError('NO_LAB', `there is no lab "${name}"`, { fix: `./plump lab up${name === DEFAULT_LAB ? '' : ` --lab ${name}`}` })
  const lab = new Lab(name, 0, () => undefined)
  await lab.status()
  return lab
}

/** A virtual cluster; every method throws PlumpError. */
export class Lab {
  readonly name: string
  readonly folder: string
  readonly #release: () => void
  #count: number

  constructor(name: string, count: number, release: () => void) {
    this.name = name
    this.folder = labFolder(name)
    this.#count = count
    this.#release = release
  }

  /** Node N, counted from 1. */
  node(number: number): LabNode {
    return new LabNode(number, this.folder)
  }

  /** All nodes, in order. */
  get nodes(): LabNode[] {
    return Array.from({ length: this.#count }, (_, index) => this.node(index + 1))
  }

  async status(): Promise<LabStatus> {
    const status = labStatusSchema.parse(await this.#call({ verb: 'status' }))
    this.#count = status.nodes.length
    return status
  }

  /** Switches on one more node, which may differ from the others in everything. */
  async add(options: NodeOptions = {}): Promise<LabNode> {
    const machine = await resolveMachine(options, this.folder)
    const number = Number(await this.#call({ verb: 'add', machine }))
    this.#count = number
    return this.node(number)
  }

  /** Replaces the DHCP server of a network; the new one knows no leases. dnsmasq gives none shorter than 120 s, and can name a time server (`ntp`). */
  async setDhcp(network: number, kind: DhcpKind, { leaseSeconds, ntp }: { leaseSeconds?: number; ntp?: string } = {}): Promise<void> {
    await this.#call({ verb: 'dhcp', network, kind, ...(leaseSeconds === undefined ? {} : { leaseSeconds }), ...(ntp === undefined ? {} : { ntp }) })
  }

  /** What to read when something went wrong, as paths inside {@link Lab.folder}: serial logs of all boots, logs of QEMU and the DHCP servers. */
  async logFiles(): Promise<string[]> {
    const files: string[] = []
    for await (const file of glob(['n*/*.log', '*.log'], { cwd: this.folder })) files.push(file)
    return files
  }

  /** Lets the lab live on after this process. */
  release(): void {
    this.#release()
  }

  /** Ends every process of the lab and removes its files; returns when they are gone. */
  async down(): Promise<void> {
    const owner = labOwner(this.folder)
    await this.#call({ verb: 'down' }).catch((error: unknown) => {
      if (!(error instanceof PlumpError && error.code === 'LAB_GONE')) throw error
    })
    await owner?.ended()
    removeLabFolder(this.folder)
  }

  async #call(request: Request): Promise<unknown> {
    return await call(join(this.folder, 'control'), request)
  }
}
