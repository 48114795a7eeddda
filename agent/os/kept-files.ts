import { closeSync, openSync, readSync } from 'node:fs'

/** Longer ones, which files of single processes and control groups are not, are cut off. */
const READ_BYTES = 64 * 1024
/** The kernel fills a page with as many lines as fit: behind a piece of less than half of one there is nothing, and no need to ask. */
const LAST_PIECE_BYTES = 2_048
/** More are opened for each reading, as any file. */
const KEPT_LIMIT = 512

/**
 * Files of /proc and of control groups that are read every second: kept open, since opening and closing one takes longer than reading it (cpu.stat of a job on an
 * emulated node: 360 us as any file, 120 us when it is open).
 */
export class KeptFiles {
  readonly #buffer = Buffer.allocUnsafe(READ_BYTES)
  #kept = new Map<string, number>()
  #read = new Set<string>()

  /** As it is now; empty when it is not there. Bytes above 127 are not decoded. */
  text(path: string): string {
    this.#read.add(path)
    const kept = this.#kept.get(path)
    const text = kept === undefined ? undefined : this.#textOf(kept)
    if (text !== undefined) return text
    // What it was opened as may be gone, and something new be there by the same name.
    this.#close(path)
    return this.#open(path)
  }

  /** Closes what has not been read since the last time. */
  endTurn(): void {
    for (const path of this.#kept.keys()) if (!this.#read.has(path)) this.#close(path)
    this.#read = new Set()
  }

  #open(path: string): string {
    let opened: number
    try {
      opened = openSync(path, 'r')
    } catch {
      return ''
    }
    const text = this.#textOf(opened)
    if (text !== undefined && this.#kept.size < KEPT_LIMIT) this.#kept.set(path, opened)
    else closeSync(opened)
    return text ?? ''
  }

  #close(path: string): void {
    const kept = this.#kept.get(path)
    if (kept === undefined) return
    this.#kept.delete(path)
    closeSync(kept)
  }

  /** Undefined when what it told of is gone. */
  #textOf(file: number): string | undefined {
    let bytes = 0
    try {
      // The kernel may hand over a file of many lines in pieces.
      for (let more = READ_BYTES; more >= LAST_PIECE_BYTES && bytes < READ_BYTES; bytes += more) more = readSync(file, this.#buffer, bytes, READ_BYTES - bytes, bytes)
    } catch {
      return undefined
    }
    return this.#buffer.toString('latin1', 0, bytes)
  }
}
