import * as z from 'zod'
import type { KernelDescription } from '../../schema/kernel-description.ts'
import type { OtherSoftware } from './spdx.ts'

/** origin.json beside a kernel that came as a package. */
export const kernelOriginSchema = z.object({
  package: z.string(),
  version: z.string(),
  sha256: z.string(),
  /** Whether it is a package of the base suite. */
  suite: z.boolean(),
})
export type KernelOrigin = z.output<typeof kernelOriginSchema>

/** What the SBOM tells of a kernel of the user's own: its package where it came as one, else its version and the hash of its image. */
export function kernelSoftware(kernel: KernelDescription, origin: KernelOrigin | undefined, suite: string): OtherSoftware {
  const version = origin?.version ?? kernel.version
  const generic = `pkg:generic/linux@${encodeURIComponent(kernel.version)}?checksum=sha256:${kernel.imageSha256}`
  const debian = `pkg:deb/debian/${encodeURIComponent(origin?.package ?? '')}@${encodeURIComponent(version)}?arch=amd64&distro=${suite}`
  return {
    name: `linux-${kernel.name}`, version, license: 'GPL-2.0-only', purl: origin?.suite ? debian : generic,
    sha256: origin?.sha256 ?? kernel.imageSha256,
  }
}
