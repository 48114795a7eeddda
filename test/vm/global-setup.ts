import { join } from 'node:path'
import { execa } from 'execa'

/** Builds the ISO all VM tests boot; with a warm cache this takes a few seconds. */
export async function setup(): Promise<void> {
  const project = join(import.meta.dirname, '../..')
  await execa(join(project, 'plump'), ['build'], { cwd: project, stdin: 'ignore', stdout: process.stderr, stderr: 'inherit' })
}
