import * as z from 'zod'

/**
 * What a package is fetched for: the node's root, what the user added to it (packages.debian), the kernel and its modules, the boot loader,
 * or firmware of network cards.
 */
const packageUseSchema = z.enum(['root', 'chosen', 'kernel', 'boot', 'firmware'])
export type PackageUse = z.output<typeof packageUseSchema>

/** One Debian package of the image; packages.json is an array of these, sorted by name. */
const packageRecordSchema = z.object({
  name: z.string(),
  version: z.string(),
  architecture: z.string(),
  /** The source package it is built from. */
  source: z.string(),
  /** Path on the mirror, as in `pool/main/d/dash/dash_0.5.12-12_amd64.deb`. */
  filename: z.string(),
  uri: z.url(),
  sizeBytes: z.int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  use: packageUseSchema,
  /** `main` or `non-free-firmware`. */
  component: z.string(),
  section: z.string(),
})
export type PackageRecord = z.output<typeof packageRecordSchema>

export const packageListSchema = z.array(packageRecordSchema)
