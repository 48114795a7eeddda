import { existsSync, readlinkSync } from 'node:fs'
import type { JobSpec } from '../../schema/job.ts'
import { once } from '../os/once.ts'
import { run } from '../os/run.ts'

/** Where execvp(3) looks without a PATH. */
const DEFAULT_PATH = '/bin:/usr/bin'

/** The names busybox has programs of its own for; read once. */
export const busyboxApplets = once(async (): Promise<ReadonlySet<string>> => new Set((await run('busybox', ['--list'])).split('\n')))

/**
 * Whether busybox's `env`, which starts a job's command, would start its own applet in the place of the program that a shell finds by the job's PATH:
 * GNU tar, for one. A command with a folder in its name is nobody's applet.
 */
export function hiddenByApplet(spec: Pick<JobSpec, 'command' | 'environment'>, homeRoot: string, names: ReadonlySet<string>): boolean {
  const [name = ''] = spec.command
  if (name.includes('/') || !names.has(name)) return false
  const path = spec.environment.findLast((word) => word.startsWith('PATH='))?.slice('PATH='.length) ?? DEFAULT_PATH
  const found = path.split(':').map((folder) => `${homeRoot}/${folder}/${name}`).find((file) => existsSync(file) || linkTarget(file) !== undefined)
  return found !== undefined && linkTarget(found)?.endsWith('busybox') !== true
}

function linkTarget(file: string): string | undefined {
  try {
    return readlinkSync(file)
  } catch {
    return undefined
  }
}
