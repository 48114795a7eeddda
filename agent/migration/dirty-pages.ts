import { closeSync, openSync, readSync } from 'node:fs'
import { readTextIfThere } from '../os/files.ts'

/** An area of a process's memory that it may write to and that moves with it: not what is a file's. */
export interface WritableArea {
  firstPage: number
  pages: number
}

const PAGE_BYTES = 4_096
const ENTRY_BYTES = 8
/** Looked at together: 512 pages, 2 MiB of memory. */
const BLOCK_PAGES = 512
/** More than this much address space (1 GiB) is sampled: some programs reserve thousands of times what they use. */
const PAGES_LIMIT = 262_144

/** From the text of /proc/PID/maps (proc_pid_maps(5)). */
export function writableAreas(maps: string): WritableArea[] {
  const areas: WritableArea[] = []
  for (const [, from = '', to = '', kind, path = ''] of maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) rw.([ps]) \S+ \S+ \d+ *(.*)$/gm)) {
    if (kind === 's' && !/^\/(?:dev\/zero|memfd:|SYSV)/.test(path)) continue
    const firstPage = Number.parseInt(from, 16) / PAGE_BYTES
    areas.push({ firstPage, pages: Number.parseInt(to, 16) / PAGE_BYTES - firstPage })
  }
  return areas
}

/**
 * How many pages of a pagemap the process has and has written to since the tracking of its writes was last begun, as every round of pre-copy does. Entries
 * of 8 bytes, little-endian; bit 63: in memory, 62: swapped out, 55: written to (Linux, Documentation/admin-guide/mm/pagemap.rst and soft-dirty.rst).
 */
export function dirtyEntries(pagemap: Buffer): number {
  let dirty = 0
  for (let at = ENTRY_BYTES / 2; at < pagemap.length; at += ENTRY_BYTES) {
    const high = pagemap.readUInt32LE(at)
    if ((high & 0xc0_00_00_00) !== 0 && (high & 0x80_00_00) !== 0) dirty++
  }
  return dirty
}

/** About how many pages a round of pre-copy would send now. A process that ends meanwhile has none. */
export function countDirtyPages(pids: readonly number[]): number {
  const processes = pids.map((pid) => ({ pid, areas: writableAreas(readTextIfThere(`/proc/${pid}/maps`) ?? '') }))
  const pages = processes.flatMap(({ areas }) => areas).reduce((sum, area) => sum + area.pages, 0)
  const stride = Math.ceil(pages / PAGES_LIMIT)
  return processes.reduce((sum, { pid, areas }) => sum + dirtyOf(pid, areas, stride), 0)
}

/** Looks at one of `stride` blocks of each area, and takes the others for alike. */
function dirtyOf(pid: number, areas: readonly WritableArea[], stride: number): number {
  const block = Buffer.allocUnsafe(BLOCK_PAGES * ENTRY_BYTES)
  let dirty = 0
  try {
    const pagemap = openSync(`/proc/${pid}/pagemap`, 'r')
    try {
      for (const { firstPage, pages } of areas) {
        let seen = 0
        let dirtySeen = 0
        for (let page = 0; page < pages; page += BLOCK_PAGES * stride) {
          const bytes = readSync(pagemap, block, 0, Math.min(BLOCK_PAGES, pages - page) * ENTRY_BYTES, (firstPage + page) * ENTRY_BYTES)
          seen += bytes / ENTRY_BYTES
          dirtySeen += dirtyEntries(block.subarray(0, bytes))
        }
        dirty += Math.round(dirtySeen * pages / Math.max(1, seen))
      }
    } finally {
      closeSync(pagemap)
    }
  } catch {
    // It has ended.
  }
  return dirty
}
