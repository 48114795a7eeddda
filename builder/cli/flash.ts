import { createInterface } from 'node:readline/promises'
import type { Command } from 'commander'
import { ensureTools } from '../doctor/ensure-tools.ts'
import { EXIT, PlumpError } from '../errors.ts'
import { addDataPartition, DATA_LABEL } from '../flash/data-partition.ts'
import { listDisks, megabytes, type Disk } from '../flash/disks.ts'
import { readIsoVolume } from '../flash/iso-volume.ts'
import { writeImage } from '../flash/write-image.ts'
import { interruption } from '../os/interruption.ts'
import { progressLine } from '../os/progress-line.ts'

interface Options {
  yes?: boolean
  persist?: boolean
  loop?: boolean
  json?: boolean
}

export function registerFlash(program: Command): void {
  program.command('flash')
    .description('Write an ISO to a USB stick or memory card, read it back and compare. Without a device: list the disks and ask for one.')
    .argument('<iso>', 'the ISO to write')
    .argument('[device]', 'the disk, as in /dev/sdb; everything on it is lost')
    .option('--yes', 'do not ask')
    .option('--persist', `use the room that is left for a partition ${DATA_LABEL}, which keeps /home and more over reboots`)
    .option('--loop', 'allow a loop device too: a file that losetup made a disk of')
    .option('--json', 'print what was written as JSON; without a device: the disks')
    .action(flash)
}

async function flash(iso: string, device: string | undefined, options: Options): Promise<void> {
  await ensureTools('flash')
  const signal = interruption()
  const volume = await readIsoVolume(iso)
  const disks = await listDisks({ imageBytes: volume.bytes, loop: options.loop ?? false })
  const disk = device === undefined ? await chooseDisk(disks, options) : usableDisk(disks, device)
  if (!disk) return
  if (!options.yes) await askFor(disk)
  const written = await writeTold(iso, disk, signal)
  const data = options.persist ? await addDataPartition(disk.path, { diskBytes: disk.bytes, imageBytes: volume.bytes, signal }) : undefined
  if (options.json) process.stdout.write(`${JSON.stringify({ device: disk.path, imageId: volume.imageId, ...written, data: data ?? null })}\n`)
  else process.stdout.write(`${disk.path}: written and compared${data === undefined ? '' : `, ${megabytes(data.bytes)} for ${DATA_LABEL}`}; it can be pulled out\n`)
}

async function writeTold(iso: string, disk: Disk, signal: AbortSignal): ReturnType<typeof writeImage> {
  const progress = progressLine()
  try {
    return await writeImage(iso, disk.path, {
      signal, onProgress: (phase, done, total) => progress.tell(phase === 'write' ? `writing ${disk.path}` : `comparing ${disk.path}`, done, total),
    })
  } finally {
    progress.end()
  }
}

/** Lists the disks and lets a person at a terminal choose; undefined when there is nobody to ask. */
async function chooseDisk(disks: readonly Disk[], { json }: Options): Promise<Disk | undefined> {
  if (json) {
    process.stdout.write(`${JSON.stringify(disks, undefined, 2)}\n`)
    return undefined
  }
  process.stdout.write(diskTable(disks))
  const usable = disks.filter(({ verdict }) => verdict.state === 'usable')
  if (usable.length === 0) throw new PlumpError('NO_DISK', 'there is no disk to write to', { fix: 'plug in a USB stick or a memory card', exitCode: EXIT.usage })
  if (!process.stdin.isTTY) {
    process.stderr.write(`to write it: ./plump flash ISO ${usable[0]?.path ?? 'DEVICE'}\n`)
    return undefined
  }
  return usableDisk(disks, await question('Which one? '))
}

function usableDisk(disks: readonly Disk[], named: string): Disk {
  const disk = disks.find(({ path }) => path === named || path === `/dev/${named}`)
  if (!disk) throw new PlumpError('NO_DISK', `there is no disk ${named}`, { fix: './plump flash ISO lists the disks; name a whole disk, not a partition', exitCode: EXIT.usage })
  if (disk.verdict.state === 'refused') throw new PlumpError('DISK_REFUSED', `${disk.path} is not written: ${disk.verdict.why}`, { fix: disk.verdict.fix, exitCode: EXIT.usage })
  return disk
}

async function askFor(disk: Disk): Promise<void> {
  const name = disk.path.replace(/^\/dev\//, '')
  if (!process.stdin.isTTY) throw new PlumpError('USAGE', `nobody can be asked whether ${disk.path} may be written`, { fix: 'add --yes', exitCode: EXIT.usage })
  const labels = disk.labels.length === 0 ? '' : `, with ${disk.labels.join(', ')} on it`
  const answer = await question(`Everything on ${disk.path} (${disk.description}, ${megabytes(disk.bytes)}${labels}) is lost. Type ${name} to go on: `)
  if (answer !== name) throw new PlumpError('NOT_CONFIRMED', 'nothing was written', { fix: `type ${name} when asked, or add --yes`, exitCode: EXIT.usage })
}

async function question(text: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return (await lines.question(text)).trim()
  } finally {
    lines.close()
  }
}

/** One line a disk: path, size, what it is, and why it cannot be written. */
export function diskTable(disks: readonly Disk[]): string {
  const rows = disks.map(({ path, bytes, description, verdict }) => [path, megabytes(bytes), description, verdict.state === 'usable' ? 'can be written' : verdict.why])
  const widths = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) => row.map((cell, column) => (column === 1 ? cell.padStart(widths[1] ?? 0) : cell.padEnd(widths[column] ?? 0))).join('  ').trimEnd()).map((line) => `${line}\n`).join('')
}
