import { z } from 'zod'
import { PlumpError } from '../errors.ts'
import { run } from '../os/run.ts'

/** What a node looks for (rootfs-overlay/usr/lib/plump/mount-data). */
export const DATA_LABEL = 'PLUMPDATA'
/** Less is not worth a partition: ext4 itself takes some. */
const LEAST_BYTES = 16 * 1024 * 1024
/** GPT type of a Linux file system. */
const LINUX_FILE_SYSTEM = '0FC63DAF-8483-4772-8E79-3D69D8477DE4'

const tableSchema = z.object({
  partitiontable: z.object({
    sectorsize: z.number().int().default(512),
    partitions: z.array(z.object({ node: z.string(), start: z.number().int(), size: z.number().int(), name: z.string().optional() })),
  }),
})

export interface DataPartition {
  /** Number of bytes from the start of the disk. */
  startBytes: number
  bytes: number
}

/**
 * Adds a partition labelled PLUMPDATA with an empty ext4 behind the image on a disk, in all the room that is left. The file system is
 * made by its place on the disk, so nobody has to wait for the partition's own device. Throws PlumpError NO_ROOM.
 */
export async function addDataPartition(disk: string, options: { diskBytes: number; imageBytes: number; signal: AbortSignal }): Promise<DataPartition> {
  const { diskBytes, imageBytes, signal } = options
  if (diskBytes - imageBytes < LEAST_BYTES) {
    throw new PlumpError('NO_ROOM', `${disk} has no room left for a partition ${DATA_LABEL}`, { fix: 'take a larger stick, or leave --persist out; the image itself is written' })
  }
  // The table came with the image, which is smaller than the disk: sfdisk moves the table's second copy to the real end.
  await run('sfdisk', ['--quiet', '--append', '--no-tell-kernel', '--wipe-partitions', 'always', disk], {
    input: `type=${LINUX_FILE_SYSTEM}, name=${DATA_LABEL}\n`, signal,
  })
  const partition = findDataPartition(await run('sfdisk', ['--json', disk], { signal }))
  await run('mkfs.ext4', ['-q', '-F', '-m', '0', '-L', DATA_LABEL, '-E', `offset=${partition.startBytes}`, disk, `${Math.floor(partition.bytes / 1024)}k`], { signal })
  await run('blockdev', ['--rereadpt', disk], { signal }).catch(() => undefined)
  return partition
}

/** Reads what `sfdisk --json` printed. */
export function findDataPartition(sfdiskJson: string): DataPartition {
  const { sectorsize, partitions } = tableSchema.parse(JSON.parse(sfdiskJson)).partitiontable
  const partition = partitions.find(({ name }) => name === DATA_LABEL)
  if (!partition) throw new Error(`sfdisk made no partition ${DATA_LABEL}`)
  return { startBytes: partition.start * sectorsize, bytes: partition.size * sectorsize }
}
