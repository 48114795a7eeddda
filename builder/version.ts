import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The checkout this program runs from. */
export const PROJECT_FOLDER = join(import.meta.dirname, '..')

/**
 * The time stamp of everything in the image, unless SOURCE_DATE_EPOCH says otherwise. A constant of the release and not the
 * clock, so that two builds of the same inputs give the same bytes: 2026-01-01 00:00:00 UTC. Raised with each release.
 */
const RELEASE_EPOCH_SECONDS = 1_767_225_600

/** The version in package.json, the only place where it is written. */
export function plumpVersion(): string {
  const text = readFileSync(join(PROJECT_FOLDER, 'package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

/** Seconds since 1970 to be written into every archive and file system. */
export function epochSeconds(environment: NodeJS.ProcessEnv = process.env): number {
  const given = environment['SOURCE_DATE_EPOCH']
  return given !== undefined && /^\d{1,10}$/.test(given) ? Number(given) : RELEASE_EPOCH_SECONDS
}
