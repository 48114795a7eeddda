import { z } from 'zod'
import { run } from '../os/run.ts'

const COLUMNS = ['NAME', 'PATH', 'SIZE', 'MODEL', 'TRAN', 'RM', 'HOTPLUG', 'RO', 'TYPE', 'MOUNTPOINTS', 'LABEL']
/** Where the running system lives; a disk that holds any of these is no stick, whatever its bus says. */
const SYSTEM_FOLDERS = new Set(['/', '/boot', '/boot/efi', '/efi', '/usr', '/var', '/home', '[SWAP]'])

const nullableText = z.string().nullish().transform((text) => text?.trim() || undefined)

/** One line of `lsblk --json --tree`; partitions, and what lies on them (LVM, encryption, RAID), are its children. */
interface BlockDevice {
  name: string
  path: string
  size: number
  model: string | undefined
  tran: string | undefined
  rm: boolean
  hotplug: boolean
  ro: boolean
  type: string
  mountpoints: string[]
  label: string | undefined
  children: BlockDevice[]
}

const blockDeviceSchema: z.ZodType<BlockDevice> = z.lazy(() => z.object({
  name: z.string(),
  path: z.string(),
  size: z.number().int().nonnegative(),
  model: nullableText,
  tran: nullableText,
  rm: z.boolean(),
  hotplug: z.boolean(),
  ro: z.boolean(),
  type: z.string(),
  mountpoints: z.array(z.string().nullable()).default([]).transform((points) => points.filter((point) => point !== null)),
  label: nullableText,
  children: z.array(blockDeviceSchema).default([]),
}))

const listSchema = z.object({ blockdevices: z.array(blockDeviceSchema) })

/** A disk of this machine, and whether an image may be written to it. */
export interface Disk {
  path: string
  bytes: number
  /** As in `SanDisk Ultra (usb)`. */
  description: string
  /** Labels of the file systems on it, which are lost when it is written. */
  labels: string[]
  verdict: { state: 'usable' } | { state: 'refused'; why: string; fix: string }
}

export interface DiskWishes {
  /** What is to be written. */
  imageBytes: number
  /** Whether a loop device, a file that looks like a disk, may be written too. */
  loop: boolean
}

/** All disks of this machine with a verdict on each. Throws PlumpError when lsblk fails. */
export async function listDisks(wishes: DiskWishes): Promise<Disk[]> {
  return judgeDisks(await run('lsblk', ['--json', '--bytes', '--tree', '--output', COLUMNS.join(',')]), wishes)
}

/** Reads what lsblk printed: disks that can be pulled out and are in use by nobody are usable. */
export function judgeDisks(lsblkJson: string, wishes: DiskWishes): Disk[] {
  const { blockdevices } = listSchema.parse(JSON.parse(lsblkJson))
  return blockdevices.filter((device) => device.type === 'disk' || (device.type === 'loop' && device.size > 0)).map((device) => ({
    path: device.path,
    bytes: device.size,
    description: device.type === 'loop' ? 'loop device' : `${device.model ?? 'no name'}${device.tran === undefined ? '' : ` (${device.tran})`}`,
    labels: allOf(device).flatMap(({ label }) => label ?? []),
    verdict: judge(device, wishes),
  }))
}

function judge(device: BlockDevice, { imageBytes, loop }: DiskWishes): Disk['verdict'] {
  const refused = (why: string, fix: string): Disk['verdict'] => ({ state: 'refused', why, fix })
  const mounted = [...new Set(allOf(device).flatMap(({ mountpoints }) => mountpoints))]
  const stick = 'plug in a USB stick or a memory card and name that'
  if (mounted.some((point) => SYSTEM_FOLDERS.has(point))) return refused('it holds the running system', stick)
  if (device.size === 0) return refused('there is no medium in it', 'insert one')
  if (mounted.length > 0) return refused(`it is in use: mounted on ${mounted.join(', ')}`, `umount ${mounted.map(shellWord).join(' ')}`)
  if (allOf(device).some(({ type }) => type !== device.type && type !== 'part')) return refused('it is part of a RAID, LVM or encrypted volume', stick)
  if (device.type === 'loop' && !loop) return refused('it is a loop device, which is a file', 'add --loop to write to it all the same')
  if (device.type !== 'loop' && !device.rm && !device.hotplug) return refused('it is built in and not removable', stick)
  if (device.ro) return refused('it is write-protected', 'move the switch on the card or stick, or take another')
  if (device.size < imageBytes) return refused(`it has ${megabytes(device.size)}, the image needs ${megabytes(imageBytes)}`, 'take a larger one')
  return { state: 'usable' }
}

function allOf(device: BlockDevice): BlockDevice[] {
  return [device, ...device.children.flatMap(allOf)]
}

/** Decimal megabytes, as printed on sticks. */
export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`
}

function shellWord(text: string): string {
  return /^[\w/.@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
