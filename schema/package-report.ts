import * as z from 'zod'
import { packageMetadataSchema } from './package-metadata.ts'

/** What became of one line of packages/list at boot. */
export const unpackedPackageSchema = z.object({
  source: z.string(),
  /**
   * unpacked; refused: an entry breaks a rule, and nothing was unpacked; missing: no such file; broken: the archive cannot be read to its
   * end, or there was no room for it.
   */
  state: z.enum(['unpacked', 'refused', 'missing', 'broken']),
  /** Files and links unpacked. */
  files: z.int(),
  bytes: z.int(),
  /** The entry that was refused. */
  entry: z.string().optional(),
  why: z.string().optional(),
  metadata: packageMetadataSchema.optional(),
  /** Programs of etc/plump/start.d it brought. */
  starts: z.array(z.string()),
})
export type UnpackedPackage = z.output<typeof unpackedPackageSchema>

/** /run/plump/packages.json and the answer of `plump packages --json`, in list order. */
export const packageReportSchema = z.array(unpackedPackageSchema)
