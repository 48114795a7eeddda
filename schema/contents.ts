import * as z from 'zod'
import { kernelDescriptionSchema } from './kernel-description.ts'

/** /plump/contents.json of a medium: what went into it, for `./plump inspect`. Add-on packages are not in it: they lie on the medium themselves. */
export const contentsSchema = z.object({
  version: z.string(),
  suite: z.string(),
  /** Debian packages; `use` tells where they went. */
  packages: z.array(z.object({ name: z.string(), version: z.string(), use: z.string() })),
  /** npm packages inside the agent. */
  npm: z.array(z.object({ name: z.string(), version: z.string() })),
  kernels: z.array(kernelDescriptionSchema.extend({
    /** Names of the modules a node has of it. */
    nodeModules: z.array(z.string()),
  })),
  /** Files below /usr/lib/firmware, without the ending of their compression. */
  firmware: z.array(z.string()),
  /** What plump.yaml said of the image, with all defaults. */
  configuration: z.record(z.string(), z.unknown()),
})
export type Contents = z.output<typeof contentsSchema>
