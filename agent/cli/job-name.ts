import { UsageError } from './usage-error.ts'

/** A job as the agent takes it (`jobNameSchema`, which no command loads): an id, or a number alone. Throws UsageError. */
export function parseJob(text: string): string {
  if (/^([0-9a-f]{4}-)?[1-9][0-9]{0,8}$/.test(text)) return text
  throw new UsageError(`"${text}" is no job`, 'plump job ls lists them')
}
