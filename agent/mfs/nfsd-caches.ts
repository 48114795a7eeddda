import { closeSync, openSync, writeSync } from 'node:fs'

/**
 * The kernel's NFS server keeps what it may serve in caches that user space fills (Documentation/filesystems/nfs/rpc-cache.rst). What nfs-utils'
 * exportfs and mountd write there we write ourselves, all of it beforehand: then the server never has to ask, and no daemon has to answer.
 */

/** One line for one cache: `auth.unix.ip` (who is it), `nfsd.export` (what may they see), `nfsd.fh` (which path does a file handle mean). */
export interface CacheLine {
  cache: 'auth.unix.ip' | 'nfsd.export' | 'nfsd.fh'
  line: string
}

/** linux/nfsd/export.h */
export const EXPORT_FLAGS = { readOnly: 0x1, async: 0x10, noSubtreeCheck: 0x400, fsid: 0x2000, v4Root: 0x10000 } as const

/** Unix seconds: as far away as the kernel can think. */
const NEVER = 0x7fff_ffff
const PAST = 1
const NOBODY = 65_534
/** FSID_NUM of linux/nfsd/nfsfh.h: 4 bytes, in the machine's own order. */
const FSID_NUM = 1

/** Clients from `address` belong to `domain`. */
export function clientLine(address: string, domain: string): CacheLine {
  return { cache: 'auth.unix.ip', line: `nfsd ${address} ${NEVER} ${domain}\n` }
}

export interface Export {
  domain: string
  path: string
  /** Sum of {@link EXPORT_FLAGS}. */
  flags: number
  /** Unique within the domain; 0 is the root that clients mount. */
  fsid: number
  /** Clients are sent there, to the root of that server, instead of being served. */
  refer?: string
}

/** `path` is there for `domain`. */
export function exportLines({ domain, path, flags, fsid, refer }: Export): CacheLine[] {
  const id = Buffer.alloc(4)
  id.writeUInt32LE(fsid)
  const location = refer === undefined ? '' : ` fsloc 1 ${refer} / 1`
  return [
    { cache: 'nfsd.export', line: `${domain} ${quoted(path)} ${NEVER} ${flags | EXPORT_FLAGS.fsid} ${NOBODY} ${NOBODY} ${fsid}${location}\n` },
    { cache: 'nfsd.fh', line: `${domain} ${FSID_NUM} \\x${id.toString('hex')} ${NEVER} ${quoted(path)}\n` },
  ]
}

/** What is mounted on `path` is not there for `domain`: clients see the folder beneath. */
export function hideLine(domain: string, path: string): CacheLine {
  return { cache: 'nfsd.export', line: `${domain} ${quoted(path)} ${NEVER}\n` }
}

/** `path` is forgotten. */
export function forgetLine(domain: string, path: string): CacheLine {
  return { cache: 'nfsd.export', line: `${domain} ${quoted(path)} ${PAST}\n` }
}

/** A word of a cache line: blanks, line ends and backslashes as octal numbers, as the kernel's qword_get reads them. */
function quoted(text: string): string {
  return text.replace(/[\s\\]/g, (character) => `\\${(character.codePointAt(0) ?? 0).toString(8).padStart(3, '0')}`)
}

/** Hands lines to the kernel, each in one write as it asks. Throws what the kernel says of the first one it does not take. */
export function writeCaches(lines: readonly CacheLine[], folder = '/proc/net/rpc'): void {
  for (const { cache, line } of lines) {
    const channel = openSync(`${folder}/${cache}/channel`, 'w')
    try {
      writeSync(channel, line)
    } catch (error) {
      throw new Error(`${cache} does not take "${line.trim()}": ${String(error)}`)
    } finally {
      closeSync(channel)
    }
  }
}
