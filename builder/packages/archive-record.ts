import type { InspectedArchive } from '../../schema/add-on-package.ts'
import { packageBaseName } from '../../schema/package-list.ts'
import type { OtherSoftware } from '../record/spdx.ts'

/** What the SBOM tells of an add-on package; one without metadata is known by its file name and its hash. */
export function addOnSoftware({ name, sha256, metadata }: InspectedArchive): OtherSoftware {
  const title = metadata?.name ?? packageBaseName(name) ?? name
  const version = metadata?.version ?? `sha256:${sha256.slice(0, 16)}`
  return {
    addOn: true, name: title, version, sha256, license: metadata?.license ?? 'NOASSERTION',
    purl: `pkg:generic/${encodeURIComponent(title)}@${encodeURIComponent(version)}?checksum=sha256:${sha256}`,
  }
}
