import { randomBytes } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync, rmdirSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { NodeError } from '../api/node-error.ts'
import { readTextIfThere } from '../os/files.ts'

/** Who is at the other end of a local connection. */
export interface Caller {
  uid: number
  gid: number
}

/**
 * Makes callers prove who they are without SO_PEERCRED, which Node does not give: the caller makes a folder of a name that nobody can guess, in
 * a folder where everybody may, and the kernel records whose it is. (HTCondor's file system authentication.) The folder must be empty, private
 * and a folder: of these, nobody can move another user's into place.
 */
export class CallerProof {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
    mkdirSync(folder, { recursive: true })
    chmodSync(folder, 0o1777)
  }

  /** A path that the caller is to make. */
  challenge(): string {
    return `${this.#folder}/${randomBytes(16).toString('hex')}`
  }

  /** Whose folder it is, which is removed. Throws NodeError NOT_PROVEN. */
  verify(path: string): Caller {
    try {
      const stat = lstatSync(path)
      const caller = provenCaller(stat)
      rmdirSync(path)
      if (caller !== undefined) return caller
    } catch {
      // Not there, or not empty: proves nothing.
    }
    throw new NodeError('NOT_PROVEN', 'the caller did not prove who it is', 'use mosrun or plump of the same version as the agent')
  }
}

/** The owner of a folder that proves something, undefined otherwise. */
export function provenCaller(stat: Pick<Stats, 'uid' | 'gid' | 'mode' | 'nlink'> & { isDirectory(): boolean }): Caller | undefined {
  const isProof = stat.isDirectory() && (stat.mode & 0o7777) === 0o700
  return isProof ? { uid: stat.uid, gid: stat.gid } : undefined
}

/** Those of the claimed groups that are the caller's by /etc/passwd and /etc/group; root may have any. */
export function groupsOf(caller: Caller, claimed: readonly number[], passwd = readTextIfThere('/etc/passwd') ?? '', group = readTextIfThere('/etc/group') ?? ''): number[] {
  if (caller.uid === 0) return [...claimed]
  const user = passwd.split('\n').map((line) => line.split(':')).find((fields) => fields[2] === String(caller.uid))
  const own = new Set([caller.gid, ...(user?.[3] === undefined ? [] : [Number(user[3])])])
  for (const [, , gid, members] of group.split('\n').map((line) => line.split(':'))) {
    if (user?.[0] !== undefined && gid !== undefined && members?.split(',').includes(user[0]) === true) own.add(Number(gid))
  }
  return claimed.filter((gid) => own.has(gid))
}
