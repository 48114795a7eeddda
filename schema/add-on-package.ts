import * as z from 'zod'
import { packageMetadataSchema } from './package-metadata.ts'

/** What is in the archive of an add-on package, as the build machine found it. */
export const inspectedArchiveSchema = z.object({
  /** File name of the archive. */
  name: z.string(),
  sha256: z.string(),
  /** Of the archive, and of the files in it. */
  bytes: z.int(),
  unpackedBytes: z.int(),
  /** Files and links. */
  files: z.int(),
  /** Programs of etc/plump/start.d. */
  starts: z.array(z.string()),
  metadata: packageMetadataSchema.optional(),
  /** Every entry that may not be there, and why. */
  refused: z.array(z.object({ entry: z.string(), why: z.string() })),
})
export type InspectedArchive = z.output<typeof inspectedArchiveSchema>

export const inspectedArchivesSchema = z.array(inspectedArchiveSchema)

/** `./plump package list --json`: the lines of packages/list in their order, then archives in the folder that no line names. */
export const packageOverviewSchema = z.array(z.object({
  /** The line of the list; undefined for an archive that is not listed. */
  source: z.string().optional(),
  form: z.enum(['cdrom', 'data', 'path']).optional(),
  name: z.string(),
  mayReplace: z.boolean(),
  /** undefined when the archive is not on this machine (data: and paths of the node), or cannot be read: `problem` tells why. */
  archive: inspectedArchiveSchema.optional(),
  problem: z.string().optional(),
}))
export type PackageOverview = z.output<typeof packageOverviewSchema>
