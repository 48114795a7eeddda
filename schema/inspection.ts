import * as z from 'zod'
import { inspectedArchiveSchema } from './add-on-package.ts'
import { contentsSchema } from './contents.ts'

/** What an ISO may carry that only its owner may know. */
export const secretSchema = z.enum(['cluster-key', 'wifi-passwords'])
export type Secret = z.output<typeof secretSchema>

/** `./plump inspect ISO --json`: what is in an ISO, read from the ISO itself. */
export const inspectionSchema = z.object({
  file: z.string(),
  bytes: z.int(),
  sha256: z.string(),
  /** Whether the checksum file beside it says the same. */
  checksumFile: z.enum(['matches', 'differs', 'absent']),
  imageId: z.string(),
  /** Whether only its owner may have it: it carries one or more secrets. */
  secret: z.boolean(),
  secrets: z.array(secretSchema),
  cluster: z.string(),
  bootWays: z.object({ biosCd: z.boolean(), biosDisk: z.boolean(), uefiCd: z.boolean(), uefiDisk: z.boolean(), secureBoot: z.boolean(), network: z.boolean() }),
  /** Entries of the boot menu that start a kernel. */
  menu: z.array(z.object({ id: z.string(), title: z.string(), kernel: z.string(), arguments: z.string(), starts: z.boolean() })),
  addOns: z.array(inspectedArchiveSchema.pick({ name: true, sha256: true, bytes: true, unpackedBytes: true, starts: true, metadata: true })),
  /** Every file that /plump/manifest names, with the sum it names. */
  files: z.array(z.object({ path: z.string(), sha256: z.string(), bytes: z.int() })),
  /** Of these, the ones that are not what the manifest says. */
  damaged: z.array(z.string()),
  contents: contentsSchema,
})
export type Inspection = z.output<typeof inspectionSchema>

/** `./plump inspect A.iso B.iso --json`: what differs, a thing each; absent on one side where that ISO has it not. */
export const differencesSchema = z.array(z.object({
  /** Kind of thing: `package`, `kernel`, `module`, `firmware`, `setting`, `file` … */
  what: z.string(),
  name: z.string(),
  before: z.string().optional(),
  after: z.string().optional(),
}))
export type Differences = z.output<typeof differencesSchema>
