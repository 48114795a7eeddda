import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import { PlumpError } from '../errors.ts'
import { usage } from './options.ts'

const END_LIMIT_MS = 15_000
const END_POLL_MS = 20

/** A process that may have ended and whose number may have been given to another: told apart by when it started. */
const processSchema = z.object({ pid: z.number().int().positive(), startTicks: z.string() })
type ProcessIdentity = z.output<typeof processSchema>

/** `parent` is the unshare that waits for the supervisor. */
const ownerSchema = processSchema.extend({ parent: processSchema.optional() })
type Owner = z.output<typeof ownerSchema>

/** Where the state of all labs of this user lies. Short, because Unix socket paths end at 107 bytes. */
function baseFolder(): string {
  const runtime = process.env['XDG_RUNTIME_DIR']
  if (runtime !== undefined && runtime !== '' && existsSync(runtime)) return join(runtime, 'plump-lab')
  return join(tmpdir(), `plump-lab-${userInfo().uid}`)
}

/** The folder of one lab, there or not. Throws PlumpError USAGE for names that are no file names. */
export function labFolder(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/.test(name)) throw usage(`"${name}" cannot be the name of a lab`, 'use up to 32 letters, digits, - and _')
  return join(baseFolder(), name)
}

/** Makes a lab's folder for this process, which owns it until the supervisor does. Throws PlumpError LAB_RUNS. */
export function createLabFolder(name: string): string {
  sweepLabs()
  const folder = labFolder(name)
  const base = baseFolder()
  mkdirSync(base, { recursive: true, mode: 0o700 })
  if (statSync(base).uid !== userInfo().uid) {
    throw new PlumpError('LAB_FOLDER', `${base} belongs to another user`, { fix: 'set XDG_RUNTIME_DIR to a folder of your own' })
  }
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    throw new PlumpError('LAB_RUNS', `there is a lab "${name}" already`, { fix: './plump lab down, or --lab NAME for a second one', cause: error })
  }
  writeOwner(folder, 'caller')
  return folder
}

/** Names of the labs that run. */
export function listLabs(): string[] {
  sweepLabs()
  return existsSync(baseFolder()) ? readdirSync(baseFolder()) : []
}

/** Removes what labs whose supervisor is gone have left. */
export function sweepLabs(): void {
  const base = baseFolder()
  if (!existsSync(base)) return
  for (const name of readdirSync(base)) {
    const folder = join(base, name)
    if (!labOwner(folder)) removeLabFolder(folder)
  }
}

/** Removes a lab's folder, and the one above it when that was the last lab. */
export function removeLabFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  try {
    rmdirSync(baseFolder())
  } catch {
    // Another lab is in there, or it is gone already.
  }
}

/** Writes down that this process owns the folder, which `role` it has, and for a supervisor who its parent is. */
export function writeOwner(folder: string, role: 'caller' | 'supervisor'): void {
  // Not process.pid and ppid: the supervisor is number 1 in its own namespace, but /proc is the machine's.
  const self = identify(Number(readlinkSync('/proc/self')))
  const parent = /^PPid:\s*(\d+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  const owner: Owner = role === 'caller' ? self : { ...self, parent: identify(Number(parent)) }
  const file = join(folder, 'owner.json')
  writeFileSync(`${file}.new`, JSON.stringify(owner))
  renameSync(`${file}.new`, file)
}

/** The supervisor, or the caller that is about to start one. */
export interface LabOwner {
  role: 'caller' | 'supervisor'
  /** Waits until it is gone, and kills it when it takes too long. Process 1 of a namespace takes all others in it along. */
  ended(): Promise<void>
}

/** The process that owns a lab's folder; undefined when it is gone. */
export function labOwner(folder: string): LabOwner | undefined {
  const owner = readOwner(folder)
  if (!owner || !runs(owner)) return undefined
  return {
    role: owner.parent ? 'supervisor' : 'caller',
    ended: async () => {
      const end = Date.now() + END_LIMIT_MS
      while (runs(owner) || (owner.parent && runs(owner.parent))) {
        if (Date.now() > end && runs(owner)) process.kill(owner.pid, 'SIGKILL')
        await delay(END_POLL_MS)
      }
    },
  }
}

function identify(pid: number): ProcessIdentity {
  return { pid, startTicks: startTicks(pid) ?? '' }
}

function runs(one: ProcessIdentity): boolean {
  return startTicks(one.pid) === one.startTicks
}

function readOwner(folder: string): Owner | undefined {
  try {
    return ownerSchema.parse(JSON.parse(readFileSync(join(folder, 'owner.json'), 'utf8')))
  } catch {
    // Gone, or not a lab's folder: nobody owns it.
    return undefined
  }
}

/** Field 22 of /proc/PID/stat (proc(5)); undefined when there is no such process or it is a zombie. */
function startTicks(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}
