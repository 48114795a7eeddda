import { spawn } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { Parser, type ReadEntry } from 'tar'
import type { ArchiveEntry, EntryKind } from './package-rules.ts'

/**
 * Reads package archives. Build machine and node read them by this one file: what the build has checked is then what the node sees, to the
 * last oddity of the tar format.
 */

const KINDS: Readonly<Record<string, EntryKind>> = {
  File: 'file', OldFile: 'file', ContiguousFile: 'file', Directory: 'folder', SymbolicLink: 'link', Link: 'hard link',
  CharacterDevice: 'device', BlockDevice: 'device', FIFO: 'fifo',
}

/** How much of what xz complains of is kept. */
const TOLD_LIMIT_CHARS = 500

/** Is called with each entry in turn, and must read its body to the end or not at all. What it throws ends the reading. */
export type EntryHandler = (entry: ArchiveEntry, body: AsyncIterable<Uint8Array>) => Promise<void> | void

/** Reads an archive from its first entry to its last. Throws an Error that says what is wrong when it is damaged or cut short. */
export async function readArchive(file: string, onEntry: EntryHandler): Promise<void> {
  const stream = openTar(file)
  let failure: { error: unknown } | undefined
  const fail = (error: unknown): void => {
    failure ??= { error }
  }
  /** One entry after the other: the parser goes on as soon as a body is read, not when all is done with it. */
  let working = Promise.resolve()
  const start = (entry: ReadEntry): void => {
    working = working.then(() => handle(entry, onEntry)).catch(fail).finally(() => entry.resume())
  }
  const parser = new Parser({
    // Ours are the limits of the reader of entries; and the archive is decompressed already.
    maxDecompressionRatio: Number.POSITIVE_INFINITY,
    onwarn: (_code, message) => fail(new Error(message)),
    onReadEntry: start,
  })
  parser.on('ignoredEntry', start)
  const finished = new Promise<void>((resolve, reject) => {
    parser.on('end', resolve)
    parser.on('error', reject)
  })
  finished.catch(fail)
  try {
    for await (const chunk of stream) {
      const drained = parser.write(chunk) ? undefined : new Promise((resolve) => void parser.once('drain', resolve))
      if (failure) throw failure.error
      await drained
    }
  } catch (error) {
    throw failure ? failure.error : error
  }
  parser.end()
  await finished
  await working
  if (failure) throw failure.error
}

async function handle(entry: ReadEntry, onEntry: EntryHandler): Promise<void> {
  await onEntry({
    path: entry.path,
    kind: KINDS[entry.type] ?? 'unknown',
    target: entry.linkpath ?? '',
    mode: entry.mode ?? 0o644,
    uid: entry.uid ?? 0,
    gid: entry.gid ?? 0,
    bytes: entry.size,
    mtimeSeconds: Math.floor((entry.mtime?.getTime() ?? 0) / 1000),
  }, entry)
}

/** The tar inside an archive, by the ending of its name. busybox on the node knows xz but not zstd, Node zstd but not xz. */
function openTar(file: string): AsyncIterable<Uint8Array> {
  if (file.endsWith('.tar.xz')) return readXz(file)
  const raw = createReadStream(file)
  if (file.endsWith('.tar')) return raw
  const decompress = file.endsWith('.tar.zst') ? createZstdDecompress() : createGunzip()
  raw.on('error', (error) => decompress.destroy(error))
  decompress.on('close', () => raw.destroy())
  return raw.pipe(decompress)
}

async function* readXz(file: string): AsyncIterable<Uint8Array> {
  const xz = spawn('xz', ['-dc', file], { stdio: ['ignore', 'pipe', 'pipe'] })
  let told = ''
  xz.stderr.on('data', (text: Buffer) => {
    told = `${told}${text.toString('utf8')}`.slice(-TOLD_LIMIT_CHARS)
  })
  const ended = new Promise<void>((resolve, reject) => {
    xz.on('error', reject)
    xz.on('close', (code) => {
      if (code === 0) resolve()
      else reject(new Error(told.trim() || `xz exited with ${code}`))
    })
  })
  ended.catch(() => undefined)
  try {
    yield* xz.stdout as AsyncIterable<Uint8Array>
    await ended
  } finally {
    xz.kill()
  }
}
