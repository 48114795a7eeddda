import * as z from 'zod'

/** What was found out about one kernel: `./plump kernel list --json`, and part of /plump/contents.json on the medium. */
export const kernelDescriptionSchema = z.object({
  name: z.string(),
  /** As `uname -r` says it. */
  version: z.string(),
  imageBytes: z.int(),
  imageSha256: z.string(),
  /** Who signed the image for Secure Boot. */
  signature: z.enum(['debian', 'other', 'none']),
  modules: z.object({
    count: z.int(),
    unsigned: z.int(),
    /** How many by the ending of their files: `.ko`, `.ko.xz`, `.ko.zst`, `.ko.gz`. */
    formats: z.record(z.string(), z.int()),
  }),
  /** What nodes use and it has not, and what will not work without. */
  lacks: z.array(z.object({ config: z.string(), without: z.string() })),
  /** What cannot be told, because the kernel came without its configuration. */
  unchecked: z.array(z.string()),
  /** What to know about it, a sentence each. */
  notes: z.array(z.string()),
})
export type KernelDescription = z.output<typeof kernelDescriptionSchema>

/** `./plump kernel list --json`. */
export const kernelListSchema = z.object({
  /** Where the user's own kernels lie. */
  folder: z.string(),
  /** The kernel the boot menu starts by itself. */
  default: z.string(),
  kernels: z.array(kernelDescriptionSchema),
})
export type KernelList = z.output<typeof kernelListSchema>
