import * as z from 'zod'

/** `./plump summary --json`: the resolved configuration, a setting each. */
export const summarySchema = z.array(z.object({
  /** As in plump.yaml, with dots: `menu.timeoutSeconds`. What is no key of plump.yaml begins with `machine.`. */
  key: z.string(),
  /** A list is one value. */
  value: z.unknown(),
  source: z.enum(['default', 'file', 'environment', 'machine']),
  /** Which line of the file, which variable, or where on the machine. */
  where: z.string().optional(),
}))
export type Summary = z.output<typeof summarySchema>
