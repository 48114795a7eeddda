import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { PlumpError } from '../errors.ts'
import { fileSha256 } from '../pipeline/tree-digest.ts'
import type { PackageRecord } from './package-record.ts'

const DOWNLOADS_AT_ONCE = 6
const TRIES = 4
const FIRST_PAUSE_MS = 500
const SILENCE_LIMIT_MS = 30_000

export interface DownloadOptions {
  /** Downloads lie here as SHA256.deb. */
  folder: string
  signal: AbortSignal
  /** Bytes so far, of all. */
  onProgress: (doneBytes: number, totalBytes: number) => void
  /** A file that was there but not as it should be. */
  onDamaged: (name: string) => void
}

/** Where a package lies once it is downloaded. */
export function downloadPath(folder: string, record: Pick<PackageRecord, 'sha256'>): string {
  return join(folder, record.sha256.slice(0, 2), `${record.sha256}.deb`)
}

/**
 * Sees to it that every package is in the downloads folder with the size and hash that the signed lists give. Throws
 * MIRROR_MOVED_ON when the mirror no longer has one (lists too old), DOWNLOAD, WRONG_HASH, NO_SPACE.
 */
export async function downloadAll(records: readonly PackageRecord[], options: DownloadOptions): Promise<void> {
  const totalBytes = records.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  let doneBytes = 0
  const count = (bytes: number): void => {
    doneBytes += bytes
    options.onProgress(doneBytes, totalBytes)
  }
  const waiting = records.toSorted((a, b) => b.sizeBytes - a.sizeBytes)
  const failure = new AbortController()
  const guarded = { ...options, signal: AbortSignal.any([options.signal, failure.signal]) }
  const worker = async (): Promise<void> => {
    for (let record = waiting.shift(); record; record = waiting.shift()) await obtain(record, guarded, count)
  }
  const workers = Array.from({ length: DOWNLOADS_AT_ONCE }, () => worker().catch((error: unknown) => {
    waiting.length = 0
    failure.abort()
    throw error
  }))
  await allThenThrow(workers)
}

/** Waits for all, so that nothing is still writing, then throws the first error in time. */
async function allThenThrow(workers: readonly Promise<void>[]): Promise<void> {
  const first = Promise.all(workers).then(() => undefined, (error: unknown) => ({ error }))
  await Promise.allSettled(workers)
  const failed = await first
  if (failed) throw failed.error
}

async function obtain(record: PackageRecord, options: DownloadOptions, count: (bytes: number) => void): Promise<void> {
  const file = downloadPath(options.folder, record)
  if (await stat(file).catch(() => undefined)) {
    if ((await fileSha256(file)) === record.sha256) {
      count(record.sizeBytes)
      return
    }
    options.onDamaged(record.name)
    await rm(file)
  }
  await mkdir(dirname(file), { recursive: true })
  await withRetries(record, options.signal, () => download(record, file, options.signal, count))
}

async function withRetries(record: PackageRecord, signal: AbortSignal, attempt: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt()
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof PlumpError) throw error
      if (tries >= TRIES) {
        throw new PlumpError('DOWNLOAD', `${record.name} could not be downloaded in ${TRIES} tries: ${reasonOf(error)}\n${record.uri}`, {
          fix: 'check the network, then run the command again; what is downloaded is kept', cause: error,
        })
      }
      await pause(FIRST_PAUSE_MS * 2 ** (tries - 1), undefined, { signal })
    }
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message
}

async function download(record: PackageRecord, file: string, signal: AbortSignal, count: (bytes: number) => void): Promise<void> {
  const aside = `${file}.${process.pid}.part`
  let receivedBytes = 0
  const silence = new AbortController()
  const watchdog = setTimeout(() => silence.abort(new Error(`no data for ${SILENCE_LIMIT_MS / 1000} s`)), SILENCE_LIMIT_MS)
  try {
    const response = await fetch(record.uri, { signal: AbortSignal.any([signal, silence.signal]) })
    if (response.status === 404 || response.status === 410) throw movedOn(record)
    if (!response.ok || !response.body) throw new Error(`the mirror answers ${response.status} ${response.statusText}`)
    const hash = createHash('sha256')
    const meter = new Transform({
      transform(chunk: Uint8Array, _encoding, done) {
        watchdog.refresh()
        receivedBytes += chunk.length
        hash.update(chunk)
        count(chunk.length)
        done(null, chunk)
      },
    })
    await pipeline(Readable.fromWeb(response.body), meter, createWriteStream(aside, { mode: 0o644 }), { signal })
    if (receivedBytes !== record.sizeBytes || hash.digest('hex') !== record.sha256) throw wrongHash(record)
    await rename(aside, file)
  } catch (error) {
    count(-receivedBytes)
    throw noSpace(error, file) ?? error
  } finally {
    clearTimeout(watchdog)
    await rm(aside, { force: true })
  }
}

function movedOn(record: PackageRecord): PlumpError {
  return new PlumpError('MIRROR_MOVED_ON', `the mirror no longer has ${record.name} ${record.version}: its package lists are newer than ours\n${record.uri}`, {
    fix: './plump build --refresh',
  })
}

function wrongHash(record: PackageRecord): PlumpError {
  return new PlumpError('WRONG_HASH', `what the mirror sent for ${record.name} is not what Debian signed\n${record.uri}`, {
    fix: 'run the command again; if it stays, name another mirror in plump.yaml under base.mirror',
  })
}

function noSpace(error: unknown, file: string): PlumpError | undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') return undefined
  return new PlumpError('NO_SPACE', `no space left for downloads in ${dirname(file)}`, { fix: 'free some disk space (df -h), or set XDG_CACHE_HOME to a larger disk', cause: error })
}
