import type * as z from 'zod'
import type { streamsSchema } from '../../schema/migration.ts'
import type { StdioHandOver } from './stdio.ts'

/** Where the job's streams stand, as it travels and as it is written down. */
export type StreamsJson = z.output<typeof streamsSchema>

export function streamsToJson({ stdin, stdout, stderr }: StdioHandOver): StreamsJson {
  const output = ({ offset, unacknowledged, gone }: StdioHandOver['stdout']): StreamsJson['stdout'] => ({ offset, unacknowledged: unacknowledged.toString('base64'), gone })
  return { stdin: { ...stdin, unread: stdin.unread.toString('base64') }, stdout: output(stdout), stderr: output(stderr) }
}

export function streamsFromJson({ stdin, stdout, stderr }: StreamsJson): StdioHandOver {
  const output = ({ offset, unacknowledged, gone }: StreamsJson['stdout']): StdioHandOver['stdout'] => ({ offset, unacknowledged: Buffer.from(unacknowledged, 'base64'), gone })
  return { stdin: { ...stdin, unread: Buffer.from(stdin.unread, 'base64') }, stdout: output(stdout), stderr: output(stderr) }
}
