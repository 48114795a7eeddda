import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../os/run.ts'

/** What is measured of packages.debian. */
export const MEASURED_PACKAGES = ['python3', 'perl', 'gcc'] as const
const ADDED_BYTES = 8_000_000

/** Seconds that `package add --iso` takes for a package of 8 MB that does not compress; the ISO is changed by it. */
export async function addToIsoSeconds(folder: string, iso: string, signal: AbortSignal): Promise<number> {
  const tree = join(folder, 'measured-package')
  await mkdir(join(tree, 'opt/measured'), { recursive: true })
  await writeFile(join(tree, 'opt/measured/data'), randomBytes(ADDED_BYTES))
  const started = performance.now()
  await run(join(folder, 'plump'), ['package', 'add', tree, '--iso', iso], { signal })
  return (performance.now() - started) / 1000
}

/** Bytes by Debian package that an ISO with packages.debian has and one without has not, as both build records tell; small ones are told of together there. */
export function packageBytes(withPackages: Readonly<Record<string, number>>, without: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(withPackages).filter(([cause]) => cause.startsWith('root: ') && without[cause] === undefined)
    .map(([cause, bytes]): [string, number] => [cause.slice('root: '.length), bytes]).toSorted(([, a], [, b]) => b - a))
}
