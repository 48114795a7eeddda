import { createHash } from 'node:crypto'
import { constants, type PathLike } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { EXIT, PlumpError } from '../errors.ts'
import { run } from '../os/run.ts'

const CHUNK_BYTES = 4 * 1024 * 1024
/** How much may wait in the page cache: what is told as written has left it, give or take this. */
const SYNC_EVERY_BYTES = 8 * CHUNK_BYTES

export interface WriteOptions {
  signal: AbortSignal
  onProgress: (phase: 'write' | 'compare', doneBytes: number, totalBytes: number) => void
}

export interface Written {
  bytes: number
  /** Of the image, and so of what was read back. */
  sha256: string
}

/**
 * Writes an image to a disk from its first byte on, then reads it back from the disk itself and compares. The disk is claimed, so that
 * nobody can mount it meanwhile. Throws PlumpError DISK_BUSY, DISK_PERMISSION, DISK_ERROR, DISK_DIFFERS or INTERRUPTED.
 */
export async function writeImage(image: string, disk: string, options: WriteOptions): Promise<Written> {
  const source = await open(image, 'r')
  try {
    // Without O_CREAT, O_EXCL on a block device means: fail when anybody else uses it (open(2)).
    const target = await onDisk(disk, open(disk, constants.O_RDWR | constants.O_EXCL))
    try {
      const written = await copy(source, target, disk, options)
      // The page cache would give back what was written whatever the disk has of it.
      await run('blockdev', ['--flushbufs', disk], { signal: options.signal })
      await compare(source, target, disk, written.bytes, options)
      return written
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

async function copy(source: FileHandle, target: FileHandle, disk: string, { signal, onProgress }: WriteOptions): Promise<Written> {
  const { size } = await source.stat()
  const hash = createHash('sha256')
  let done = 0
  for await (const chunk of chunksOf(source, size)) {
    throwIfInterrupted(signal, disk)
    hash.update(chunk)
    await onDisk(disk, target.write(chunk, 0, chunk.length, done))
    done += chunk.length
    if (done % SYNC_EVERY_BYTES === 0 || done === size) await onDisk(disk, target.datasync())
    onProgress('write', done, size)
  }
  return { bytes: done, sha256: hash.digest('hex') }
}

/** Compares the first `bytes` of two open files. Throws DISK_DIFFERS with the first byte that is not the same. */
export async function compare(source: FileHandle, target: FileHandle, disk: string, bytes: number, { signal, onProgress }: WriteOptions): Promise<void> {
  let done = 0
  for await (const chunk of chunksOf(source, bytes)) {
    throwIfInterrupted(signal, disk)
    const back = await onDisk(disk, readExactly(target, Buffer.alloc(chunk.length), done))
    if (!chunk.equals(back)) {
      const at = done + chunk.findIndex((byte, index) => byte !== back[index])
      throw new PlumpError('DISK_DIFFERS', `${disk} does not give back what was written: byte ${at} is another`, {
        fix: 'take another stick: this one is worn out, or smaller than it says',
      })
    }
    done += chunk.length
    onProgress('compare', done, bytes)
  }
}

async function* chunksOf(file: FileHandle, bytes: number): AsyncGenerator<Buffer> {
  for (let done = 0; done < bytes; done += CHUNK_BYTES) {
    yield await readExactly(file, Buffer.alloc(Math.min(CHUNK_BYTES, bytes - done)), done)
  }
}

/** Fills the buffer. Throws when the file ends before. */
async function readExactly(file: FileHandle, buffer: Buffer, position: number): Promise<Buffer> {
  let filled = 0
  while (filled < buffer.length) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, position + filled)
    if (bytesRead === 0) throw new Error(`ends at byte ${position + filled}`)
    filled += bytesRead
  }
  return buffer
}

async function onDisk<Result>(disk: PathLike, work: Promise<Result>): Promise<Result> {
  try {
    return await work
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'EBUSY') throw new PlumpError('DISK_BUSY', `${String(disk)} is in use`, { fix: `lsblk ${String(disk)} shows by what; unmount it`, cause: error })
    if (code === 'EACCES' || code === 'EPERM') {
      throw new PlumpError('DISK_PERMISSION', `${String(disk)} may not be written by this user`, { fix: `sudo ./plump flash ISO ${String(disk)}`, exitCode: EXIT.usage, cause: error })
    }
    throw new PlumpError('DISK_ERROR', `${String(disk)}: ${error instanceof Error ? error.message : String(error)}`, {
      fix: 'plug it in again, at another port, or take another stick', cause: error,
    })
  }
}

function throwIfInterrupted(signal: AbortSignal, disk: string): void {
  if (!signal.aborted) return
  throw new PlumpError('INTERRUPTED', `stopped; what is on ${disk} now cannot be used`, { fix: 'run the command again', exitCode: EXIT.interrupted })
}
