import * as z from 'zod'

/** What `./plump build --json` prints, a line each; the progress list and the plain log are drawn from the same events. */
export const buildEventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('build-started'), steps: z.array(z.object({ id: z.string(), title: z.string() })) }),
  z.object({ type: z.literal('step-started'), step: z.string(), why: z.string().describe('why the cache could not serve it') }),
  /** Free text about what a running step does now; `done` and `total` (bytes or pieces) when it can be counted. */
  z.object({ type: z.literal('step-progress'), step: z.string(), text: z.string(), done: z.number().optional(), total: z.number().optional() }),
  z.object({ type: z.literal('step-done'), step: z.string(), seconds: z.number(), cached: z.boolean() }),
  z.object({ type: z.literal('step-failed'), step: z.string(), code: z.string(), message: z.string() }),
  /** Something the user should know that does not stop the build. */
  z.object({ type: z.literal('warning'), step: z.string(), message: z.string() }),
  z.object({ type: z.literal('command'), commandLine: z.string() }),
  z.object({ type: z.literal('build-done'), seconds: z.number(), iso: z.string(), bytes: z.number(), sha256: z.string() }),
])
export type BuildEvent = z.output<typeof buildEventSchema>
