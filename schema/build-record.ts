import { z } from 'zod'

/** final/plump-VERSION-amd64.build.json: how an ISO came to be. Unlike the ISO it differs from build to build, by the seconds. */
export const buildRecordSchema = z.object({
  version: z.string(),
  iso: z.object({ name: z.string(), bytes: z.int(), sha256: z.string() }),
  /** Whether the ISO carries something that only its owner may know: the cluster key, passwords of Wi-Fi networks. */
  secret: z.boolean(),
  fast: z.boolean(),
  /** The one time stamp written into the image. */
  epochSeconds: z.int(),
  /** plump.yaml with all defaults. */
  configuration: z.unknown(),
  seconds: z.number(),
  /** Bytes of the ISO by what takes them; those inside the root's squashfs are estimates that add up to its size. */
  bytesByCause: z.record(z.string(), z.int()),
  steps: z.array(z.object({
    id: z.string(),
    cached: z.boolean(),
    /** How long making the result took, in this build or in the one that made it. */
    seconds: z.number(),
    /** Name of the result in the cache, and SHA-256 over its contents. */
    hash: z.string(),
    digest: z.string(),
    /** Everything that can change the result: hashes of files and code, versions of tools and packages, settings. */
    inputs: z.record(z.string(), z.string()),
  })),
})
export type BuildRecord = z.output<typeof buildRecordSchema>
