import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { treeDigest } from './tree-digest.ts'
import type { Inputs } from './step.ts'

/** Results of steps: CACHE/steps/ID/HASH/{out/, entry.json}; what is being made lies in CACHE/tmp and is renamed when complete. */

const KEPT_ENTRIES_PER_STEP = 3

const entrySchema = z.object({
  inputs: z.record(z.string(), z.string()),
  digest: z.string(),
  seconds: z.number(),
})
export type CacheEntry = z.output<typeof entrySchema>

/** The name of a result: a hash over all inputs of its step, whatever their order. */
export function inputsHash(id: string, inputs: Inputs): string {
  const sorted = Object.entries(inputs).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256').update(JSON.stringify([id, sorted])).digest('hex').slice(0, 32)
}

/** The folder of a result's files. */
export function resultFolder(cache: string, id: string, hash: string): string {
  return join(cache, 'steps', id, hash, 'out')
}

/** The entry of a result, undefined when there is none or it is incomplete. Does not look at the result's contents. */
export async function readEntry(cache: string, id: string, hash: string): Promise<CacheEntry | undefined> {
  const file = join(cache, 'steps', id, hash, 'entry.json')
  try {
    return entrySchema.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch {
    return undefined
  }
}

/** Remembers that an entry was useful now, so that pruning keeps it. */
export async function touchEntry(cache: string, id: string, hash: string): Promise<void> {
  const now = new Date()
  await utimes(join(cache, 'steps', id, hash, 'entry.json'), now, now)
}

/** The most recently used entry of a step; what `plan` compares with. */
export async function latestEntry(cache: string, id: string): Promise<CacheEntry | undefined> {
  const newest = (await entriesByUse(cache, id))[0]
  return newest === undefined ? undefined : readEntry(cache, id, newest)
}

/** Whether the files of a result are still what its entry says. */
export async function isIntact(cache: string, id: string, hash: string, entry: CacheEntry): Promise<boolean> {
  try {
    return (await treeDigest(resultFolder(cache, id, hash))) === entry.digest
  } catch {
    return false
  }
}

export async function discardEntry(cache: string, id: string, hash: string): Promise<void> {
  await rm(join(cache, 'steps', id, hash), { recursive: true, force: true })
}

/** An empty folder for a step to fill; give it to {@link storeResult} or remove it with {@link removeWorkFolder}. */
export async function makeWorkFolder(cache: string, id: string): Promise<string> {
  const folder = join(cache, 'tmp', `${id}-${randomBytes(6).toString('hex')}`)
  await mkdir(join(folder, 'out'), { recursive: true })
  return folder
}

export async function removeWorkFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
}

/** Makes a filled work folder the result of a step. */
export async function storeResult(cache: string, id: string, hash: string, work: string, made: Omit<CacheEntry, 'digest'>): Promise<CacheEntry> {
  const entry: CacheEntry = { ...made, digest: await treeDigest(join(work, 'out')) }
  await writeFile(join(work, 'entry.json'), `${JSON.stringify(entry, undefined, 1)}\n`)
  await mkdir(join(cache, 'steps', id), { recursive: true })
  await discardEntry(cache, id, hash)
  await rename(work, join(cache, 'steps', id, hash))
  return entry
}

/** Removes all but the last used entries of a step. */
export async function pruneEntries(cache: string, id: string): Promise<void> {
  for (const hash of (await entriesByUse(cache, id)).slice(KEPT_ENTRIES_PER_STEP)) await discardEntry(cache, id, hash)
}

async function entriesByUse(cache: string, id: string): Promise<string[]> {
  const folder = join(cache, 'steps', id)
  const names = await readdir(folder).catch(() => [])
  const used = await Promise.all(names.map(async (name) => {
    const info = await stat(join(folder, name, 'entry.json')).catch(() => undefined)
    return { name, usedMs: info?.mtimeMs ?? 0 }
  }))
  return used.toSorted((a, b) => b.usedMs - a.usedMs).map(({ name }) => name)
}
