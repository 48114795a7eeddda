import * as z from 'zod'
import { otherPackage, relationship, type OtherSoftware } from './spdx.ts'

const packageSchema = z.looseObject({ SPDXID: z.string() })

/** What of our SBOM changes when something is put into a finished image. */
const documentSchema = z.looseObject({
  documentNamespace: z.string(),
  packages: z.array(packageSchema).min(1),
  relationships: z.array(z.object({ spdxElementId: z.string(), relationshipType: z.string(), relatedSpdxElement: z.string() })),
})

/** The SBOM of an image that has become another, with one more piece of software in it (or another version of one). Throws ZodError for a text that is none of ours. */
export function withSoftware(sbom: unknown, imageSha256: string, software: OtherSoftware): object {
  const document = documentSchema.parse(sbom)
  const [image, ...others] = document.packages
  const added = otherPackage(software)
  const isAdded = relationship('SPDXRef-image', 'CONTAINS', added.SPDXID)
  const known = document.packages.some(({ SPDXID }) => SPDXID === added.SPDXID)
  return {
    // Not the parsed one: the order of its keys stays.
    ...sbom as object,
    documentNamespace: document.documentNamespace.replace(/[0-9a-f]{64}$/, imageSha256),
    packages: [
      { ...image, SPDXID: 'SPDXRef-image', checksums: [{ algorithm: 'SHA256', checksumValue: imageSha256 }] },
      ...others.filter(({ SPDXID }) => SPDXID !== added.SPDXID), added,
    ],
    relationships: known ? document.relationships : [...document.relationships, isAdded],
  }
}
