import { constants, mkdirSync, openSync, renameSync, rmSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { run } from './run.ts'

/** A job may stand still meanwhile. */
const READER_POLL_MS = 5
/** Made in advance at each go. */
const SPARE_PIPES = 40

/**
 * Makes named pipes. Node has no call for it, and starting `mkfifo` costs the agent more than making many of them does: so most are made in advance, in a folder of
 * their own, and renamed.
 */
export class NamedPipes {
  readonly #folder: string
  readonly #spare: string[] = []
  #made = 0

  /** @param folder for spare pipes: whatever is in it is dropped. */
  constructor(folder: string) {
    this.#folder = folder
  }

  /** Makes one at each of the paths, for its owner alone, in the place of whatever is there. The paths are in the file system of the folder. */
  async make(paths: readonly string[]): Promise<void> {
    if (this.#spare.length < paths.length) this.#spare.push(...await this.#makeSpare(paths.length))
    for (const path of paths) renameSync(this.#spare.pop() as string, path)
  }

  async #makeSpare(atLeast: number): Promise<string[]> {
    if (this.#made === 0) rmSync(this.#folder, { recursive: true, force: true })
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    const paths = Array.from({ length: atLeast + SPARE_PIPES }, () => `${this.#folder}/${this.#made++}`)
    await run('mkfifo', ['-m', '600', ...paths])
    return paths
  }
}

/** The writing end of a named pipe; undefined while nobody has opened it for reading (fifo(7)). */
export function openForReader(path: string): number | undefined {
  try {
    return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENXIO') return undefined
    throw error
  }
}

/** The writing end of a named pipe as soon as somebody has opened it for reading; undefined when it is over before. */
export async function openOnceRead(path: string, isOver: () => boolean): Promise<number | undefined> {
  for (; !isOver(); await pause(READER_POLL_MS)) {
    const pipe = openForReader(path)
    if (pipe !== undefined) return pipe
  }
  return undefined
}
