import * as z from 'zod'

/** usr/share/plump/packages/NAME.json, with which a package tells what it is. */
export const packageMetadataSchema = z.object({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._+~-]{0,99}$/, 'letters, digits and ._+~- only'),
  version: z.string().regex(/^[\x21-\x7e]{1,100}$/, 'one word of plain ASCII'),
  description: z.string().regex(/^[^\p{Cc}]*$/u, 'one line').max(500).default(''),
  /** SPDX expression, for the software bill of materials. */
  license: z.string().regex(/^[\x20-\x7e]{1,200}$/, 'an SPDX expression').optional(),
})
export type PackageMetadata = z.output<typeof packageMetadataSchema>

/** A larger one is not read. */
export const METADATA_LIMIT_BYTES = 65_536

/** Where in a package its metadata lies. */
export const METADATA_PATH = /^usr\/share\/plump\/packages\/[^/]+\.json$/
