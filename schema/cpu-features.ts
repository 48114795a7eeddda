import * as z from 'zod'

/** What of a processor a program may have noticed when it started, and must find again wherever it goes. */
export const cpuFeaturesSchema = z.object({
  /** Flags of /proc/cpuinfo, sorted. */
  flags: z.array(z.string().max(32)).max(512),
  /** Bytes of the register state (xsave area). */
  xsaveBytes: z.number().int().nonnegative(),
})
export type CpuFeatures = z.output<typeof cpuFeaturesSchema>
