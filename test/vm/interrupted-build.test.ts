import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdir, mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { downloadPath } from '../../builder/debian/download.ts'
import { fileSha256 } from '../../builder/pipeline/tree-digest.ts'
import { buildEventSchema, type BuildEvent } from '../../schema/build-event.ts'
import { copyCheckout } from '../../builder/bench/checkout-copy.ts'
import { run } from '../../builder/os/run.ts'
import { downloadsFolder } from '../../builder/pipeline/open-build.ts'
import { PROJECT_FOLDER } from '../../builder/version.ts'

const INTERRUPTED = 130
let folder = ''
let checkout = ''
/** Hard links to the user's downloads, so that one can be damaged and the rest need not be fetched. */
let downloads = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plump-interrupted-'))
  checkout = join(folder, 'checkout')
  await copyCheckout(PROJECT_FOLDER, checkout)
  downloads = join(folder, 'downloads')
  await mkdir(downloads)
  await run('cp', ['-al', downloadsFolder(), join(downloads, 'plump')]).catch(() => run('cp', ['-a', downloadsFolder(), join(downloads, 'plump')]))
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

test('an interrupted build leaves nothing half-made, and the next one goes on where it stopped', async () => {
  const { child, events } = startBuild()
  await eventWhere(events, (event) => event.type === 'step-started' && event.step === 'root-squashfs')
  child.kill('SIGINT')
  const [code] = (await once(child, 'exit')) as [number | null]
  expect(code).toBe(INTERRUPTED)
  expect(await readdir(join(checkout, 'final'))).toEqual(['README.md'])

  const again = await build()
  expect(again.code).toBe(0)
  const fetched = again.events.find((event) => event.type === 'step-done' && event.step === 'unpack-root')
  expect(fetched).toMatchObject({ cached: true })
  expect((await readdir(join(checkout, 'final'))).filter((name) => name.endsWith('.iso'))).toHaveLength(1)
})

test('a damaged cache entry is noticed by its hash and made again', async () => {
  const results = join(checkout, '.cache/steps/agent-bundle')
  for (const entry of await readdir(results)) await truncate(join(results, entry, 'out/agent.tar.gz'), 1000)
  await appendFile(join(checkout, 'templates/grub.cfg.hbs'), '# a change that makes the ISO anew\n')
  const { code, events } = await build()
  expect(code).toBe(0)
  expect(events.filter((event) => event.type === 'warning' && event.step === 'agent-bundle' && /damaged/.test(event.message))).toHaveLength(1)
  expect(events.find((event) => event.type === 'step-done' && event.step === 'agent-bundle' && !event.cached)).toBeDefined()
})

test('a damaged download is noticed by its hash and fetched again', async () => {
  // One that this build uses: the user's downloads may hold others, too.
  const results = join(checkout, '.cache/steps/fetch-packages')
  const [entry = ''] = await readdir(results)
  const sha256 = await fileSha256(join(results, entry, 'out/debs/serf.deb'))
  const deb = downloadPath(join(downloads, 'plump/debs'), { sha256 })
  // A new file in place of the hard link, so that the user's own download stays whole.
  await rm(deb)
  await writeFile(deb, 'not a package')
  await rm(results, { recursive: true })
  const { code, events } = await build()
  expect(code).toBe(0)
  expect(events.filter((event) => event.type === 'warning' && event.step === 'fetch-packages')).toHaveLength(1)
  expect((await stat(deb)).size).toBeGreaterThan(1000)
})

function startBuild(): { child: ReturnType<typeof spawn>; events: AsyncIterable<BuildEvent> } {
  const child = spawn(join(checkout, 'plump'), ['build', '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, XDG_CACHE_HOME: downloads },
  })
  const lines = createInterface({ input: child.stdout })
  return { child, events: parsed(lines) }
}

async function* parsed(lines: AsyncIterable<string>): AsyncIterable<BuildEvent> {
  for await (const line of lines) yield buildEventSchema.parse(JSON.parse(line))
}

async function eventWhere(events: AsyncIterable<BuildEvent>, matches: (event: BuildEvent) => boolean): Promise<BuildEvent> {
  for await (const event of events) if (matches(event)) return event
  throw new Error('the build ended before it came so far')
}

async function build(): Promise<{ code: number | null; events: BuildEvent[] }> {
  const { child, events } = startBuild()
  const exit = once(child, 'exit') as Promise<[number | null]>
  const all: BuildEvent[] = []
  for await (const event of events) all.push(event)
  return { code: (await exit)[0], events: all }
}
