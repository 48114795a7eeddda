import * as z from 'zod'
import { EXIT, PlumpError } from '../errors.ts'

export const FIRMWARES = ['bios', 'uefi', 'uefi-http', 'secureboot'] as const
export const MEDIA = ['cd', 'disk', 'kernel', 'network', 'pxe'] as const
export const DHCP_KINDS = ['node-dhcp', 'dnsmasq', 'none'] as const
export type DhcpKind = (typeof DHCP_KINDS)[number]

export const NODE_LIMIT = 64
const NETWORK_LIMIT = 16
const NIC_LIMIT = 8
const DEFAULT_NIC = 'virtio-net-pci'

/** One network card: a device model of QEMU and the network its wire goes to; null = nothing is plugged in. */
export const nicSchema = z.object({
  model: z.string().regex(/^[A-Za-z0-9_.-]+$/),
  network: z.number().int().min(0).max(NETWORK_LIMIT - 1).nullable(),
})
export type Nic = z.output<typeof nicSchema>

/**
 * What a machine boots from; for `kernel` the ISO is attached as a read-only virtio disk when there is one, for `network` it is served on the
 * network of the machine's first card, by the lab when there is an ISO and else by whoever does it there.
 */
const mediumSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('cd'), iso: z.string() }),
  z.object({ kind: z.literal('disk'), iso: z.string() }),
  z.object({ kind: z.literal('network'), iso: z.string().optional() }),
  z.object({ kind: z.literal('kernel'), kernel: z.string(), initrd: z.string(), append: z.string(), iso: z.string().optional() }),
])
export type Medium = z.output<typeof mediumSchema>

/** One virtual PC. */
export const machineConfigSchema = z.object({
  memoryMiB: z.number().int().min(64).max(1 << 20),
  /** The host gives it all its memory at once. Otherwise the program that first touches a part waits for it, which distorts figures. */
  preallocated: z.boolean().optional(),
  cpus: z.number().int().min(1).max(64),
  firmware: z.enum(FIRMWARES),
  medium: mediumSchema,
  nics: z.array(nicSchema).max(NIC_LIMIT),
  /** What its clock says when it is switched on, UTC; undefined = the right time. */
  clock: z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/, 'a time looks like 2003-03-01T12:00:00').optional(),
  /** An image that the machine has as a disk it may write to. */
  disk: z.string().optional(),
  /** Model and flags of its processors, as QEMU's `-cpu` takes them; undefined = what this machine gives, or emulates well. */
  cpu: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.,+=-]*$/, 'a processor looks like max or max,-avx2').optional(),
})
export type MachineConfig = z.output<typeof machineConfigSchema>

/** What the supervisor is started with. */
export const labConfigSchema = z.object({
  name: z.string(),
  dhcp: z.enum(DHCP_KINDS),
  leaseSeconds: z.number().int().min(10).max(0x7fffffff),
  machines: z.array(machineConfigSchema).max(NODE_LIMIT),
})
export type LabConfig = z.output<typeof labConfigSchema>

/** What the caller says about nodes; everything has a default. */
export interface NodeOptions {
  memoryMiB?: number
  /** For figures of what fills memory: the host gives it all at once, and not when it is first touched. */
  preallocated?: boolean
  cpus?: number
  /** Model and flags of its processors, as in `max,-avx2` or `Westmere`. */
  cpu?: string
  firmware?: (typeof FIRMWARES)[number]
  medium?: (typeof MEDIA)[number]
  /** As in `--nic`: `MODEL[@NETWORK|@none],…`. */
  nics?: string
  /** What the machine's clock says when it is switched on, as in `2003-03-01T12:00:00` (UTC); default: the right time. */
  clock?: string
  /** Default: the newest final/*.iso. */
  iso?: string
  /** An image file that the node has as a disk it may write to. */
  disk?: string
  /** Added to the kernel command line; medium `kernel` only. */
  append?: string
  /** Which kernel of the ISO; medium `kernel` only, for the others have the boot menu. Default: debian. */
  kernel?: string
  /** Boots these files instead of those in the ISO (netboot files, trial kernels); medium `kernel` only. */
  kernelFiles?: { kernel: string; initrd: string }
}

/**
 * Reads `--nic`: `MODEL[@NETWORK|@none]` separated by commas, as in `e1000,rtl8139@1,virtio-net-pci@none`.
 * Networks count from 0, the default; at `@none` the wire is not plugged in. Throws PlumpError USAGE.
 */
export function parseNics(text = DEFAULT_NIC): Nic[] {
  const nics = text.split(',').map((word) => {
    const [model = '', network = '0', ...rest] = word.trim().split('@')
    const parsed = nicSchema.safeParse({ model, network: network === 'none' ? null : /^\d+$/.test(network) ? Number(network) : Number.NaN })
    if (rest.length > 0 || !parsed.success) {
      throw usage(`--nic: cannot read "${word}"`, `write MODEL, MODEL@NETWORK (0 to ${NETWORK_LIMIT - 1}) or MODEL@none, as in --nic e1000,rtl8139@1`)
    }
    return parsed.data
  })
  if (nics.length > NIC_LIMIT) throw usage(`--nic: ${nics.length} network cards; a node can have ${NIC_LIMIT}`, 'name fewer models')
  return nics
}

/** Reads `--clock`. Throws PlumpError USAGE. */
export function parseClock(text: string): string {
  const parsed = machineConfigSchema.shape.clock.safeParse(text)
  if (parsed.success && parsed.data !== undefined && !Number.isNaN(Date.parse(`${parsed.data}Z`))) return parsed.data
  throw usage(`--clock: cannot read "${text}"`, 'write a time as in --clock 2003-03-01T12:00:00')
}

/** Reads `--cpu`. Throws PlumpError USAGE. */
export function parseCpu(text: string): string {
  const parsed = machineConfigSchema.shape.cpu.safeParse(text)
  if (parsed.success && parsed.data !== undefined) return parsed.data
  throw usage(`--cpu: cannot read "${text}"`, 'write a model of QEMU with flags, as in --cpu max,-avx2')
}

/** A PlumpError for wrong use of the lab, exit code 2. */
export function usage(message: string, fix: string): PlumpError {
  return new PlumpError('USAGE', message, { fix, exitCode: EXIT.usage })
}
