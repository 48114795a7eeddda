import { createHash } from 'node:crypto'
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { copyCheckout } from '../../builder/bench/checkout-copy.ts'
import { run } from '../../builder/os/run.ts'
import { PROJECT_FOLDER } from '../../builder/version.ts'

/** Two years after the release, so that any use of the clock shows. */
const ANOTHER_CLOCK = '2028-02-29 23:59:00'
const BUILD_LIMIT_SECONDS = 900
let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plump another folder '))
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

test('same inputs, same bytes: another folder, umask, time zone and clock, and nothing from the cache', async () => {
  const checkout = join(folder, 'checkout')
  await copyCheckout(PROJECT_FOLDER, checkout)
  // Inputs too, though git does not keep them.
  for (const name of ['kernels', 'packages']) await cp(join(PROJECT_FOLDER, name), join(checkout, name), { recursive: true })
  await run('sh', ['-c', 'umask 077; exec "$@"', 'sh', 'faketime', ANOTHER_CLOCK, join(checkout, 'plump'), 'build'], {
    env: {
      TZ: 'Pacific/Kiritimati',
      LC_ALL: 'C.UTF-8',
      // Both builds use the downloads and the cluster key of this user: they are inputs.
      XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      FAKETIME_DONT_RESET: '1',
      // Dates of files are not the clock: shifting them too would shift what mcopy -m preserves.
      NO_FAKE_STAT: '1',
    },
    limitSeconds: BUILD_LIMIT_SECONDS,
  })
  const [first, second] = await Promise.all([digests(join(PROJECT_FOLDER, 'final')), digests(join(checkout, 'final'))])
  expect(Object.keys(first)).toEqual(expect.arrayContaining(['netboot/bzImage', 'netboot/initrd']))
  expect(second).toEqual(first)
})

/** SHA-256 by file, of all a build leaves but the record of how it went. */
async function digests(final: string): Promise<Record<string, string>> {
  const names = (await readdir(final, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.build.json'))
    .map((entry) => join(entry.parentPath, entry.name).slice(final.length + 1))
    .toSorted()
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await sha256(join(final, name))] as const)))
}

async function sha256(file: string): Promise<string> {
  return createHash('sha256').update(await readFile(file)).digest('hex')
}
