import { rmSync } from 'node:fs'
import type { JobId } from '../../schema/job.ts'
import { namesIn } from '../os/files.ts'

/** In memory: images of jobs on the move, and the pipes to criu's hook. */
export const MOVES_FOLDER = '/run/plump/moves'
/** criu may still be at its last steps when the job runs. */
const DROP_AFTER_MS = 10_000

/** Folder of one move, which no other move has. `next` is the epoch it leads to. */
export function moveFolder(id: JobId, next: number): string {
  return `${MOVES_FOLDER}/${id}.${next}`
}

/** Drops the pages, which are most of it, at once, and the rest when criu is surely through. */
export function dropImages(folder: string): void {
  for (const round of namesIn(folder)) {
    for (const name of namesIn(`${folder}/${round}`)) if (name.startsWith('pages-')) rmSync(`${folder}/${round}/${name}`, { force: true })
  }
  setTimeout(() => rmSync(folder, { recursive: true, force: true }), DROP_AFTER_MS).unref()
}
