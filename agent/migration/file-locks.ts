import { existsSync, linkSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { processesIn } from '../jobs/cgroups.ts'
import { readTextIfThere } from '../os/files.ts'

/**
 * Locks of files over a move. While the copy at the source stands, its locks stand, so the copy at the target cannot have them (both are locks at
 * home, where the files are). So criu restores twice: first without locks, which shows that the job can be restored and is what home commits to;
 * then, when the source has ended its copy, once more with them (rootfs-overlay/usr/lib/plump/job-restore does both).
 * docs/decisions/0037-file-locks-over-a-move.md has what was thought of besides.
 */

const LOCKS_IMAGE = 'filelocks.img'
/** criu's two magic numbers; an image without anything behind them has no locks. */
const HEAD_BYTES = 8
const ASIDE = '.aside'
const RESTORE_POLL_MS = 20
const RESTORE_LIMIT_MS = 120_000

/** Whether the images have locks in them. */
export function hasLocks(images: string): boolean {
  return existsSync(`${images}/${LOCKS_IMAGE}`) && statSync(`${images}/${LOCKS_IMAGE}`).size > HEAD_BYTES
}

/**
 * Takes the locks out of the images for the first restore, and tells job-restore of it by MOVE/again: the folder of the images, and then the names that
 * the first restore uses up, each once more with `.aside`.
 */
export function setLocksAside(images: string, move: string, root: string): void {
  const image = readFileSync(`${images}/${LOCKS_IMAGE}`)
  renameSync(`${images}/${LOCKS_IMAGE}`, `${images}/${LOCKS_IMAGE}${ASIDE}`)
  writeFileSync(`${images}/${LOCKS_IMAGE}`, image.subarray(0, HEAD_BYTES), { mode: 0o600 })
  const links = linkRemaps(readFileSync(`${images}/files.img`)).map((path) => `${root === '/' ? '' : root}${path}`)
  for (const link of links) {
    rmSync(`${link}${ASIDE}`, { force: true })
    linkSync(link, `${link}${ASIDE}`)
  }
  writeFileSync(`${move}/again`, [`${images}/${LOCKS_IMAGE}`, ...links].map((line) => `${line}\n`).join(''), { mode: 0o600 })
}

/** After a move that did not come to its second restore. */
export function dropSetAside(move: string): void {
  for (const path of (readTextIfThere(`${move}/again`) ?? '').split('\n')) if (path !== '') rmSync(`${path}${ASIDE}`, { force: true })
}

/** Waits until no criu and no job-restore of this move is among the job's processes. */
export async function restoreEnded(cgroup: string, move: string): Promise<void> {
  const isRestoring = (): boolean => processesIn(cgroup).some((pid) => (readTextIfThere(`/proc/${pid}/cmdline`) ?? '').includes(move))
  for (let waitedMs = 0; waitedMs < RESTORE_LIMIT_MS && isRestoring(); waitedMs += RESTORE_POLL_MS) await pause(RESTORE_POLL_MS)
}

/**
 * Names that criu gives, for the time of a move, to files that were deleted and still have another name: absolute paths, found in criu's files.img by
 * their form, a string behind its length (protobuf).
 */
export function linkRemaps(image: Buffer): string[] {
  const found = new Set<string>()
  const text = image.toString('latin1')
  for (const match of text.matchAll(/\/link_remap\.\d+/g)) {
    const end = match.index + match[0].length
    for (let start = match.index; start > 0; start = text.lastIndexOf('/', start - 1)) {
      if (isLength(image, start, end - start)) {
        found.add(image.subarray(start, end).toString('utf8'))
        break
      }
      if (start === 0 || end - start > 4_096) break
    }
  }
  return [...found]
}

/** Whether the varint that ends before `at` is `length`. */
function isLength(image: Buffer, at: number, length: number): boolean {
  if (length < 0x80) return image[at - 1] === length
  return image[at - 1] === length >> 7 && image[at - 2] === ((length & 0x7f) | 0x80)
}
