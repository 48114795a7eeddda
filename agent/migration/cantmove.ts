import type { CantMove } from '../../schema/cantmove.ts'

/** What /proc tells of one process of a job (proc-snapshot.ts reads it). */
export interface ProcessView {
  pid: number
  /** 0: nobody but criu, which lets go by itself. */
  tracerPid: number
  /** `pid:[4026531836]` and so on, by the name of the link. */
  namespaces: Readonly<Record<string, string>>
  files: readonly OpenFile[]
  /** Devices that are mapped into memory, by path. */
  mappedDevices: readonly string[]
}

export interface OpenFile {
  /** What /proc/PID/fd/N points to: a path, `socket:[12]`, `pipe:[34]`, `anon_inode:[io_uring]` … */
  target: string
  /** Set for device nodes. */
  device?: { kind: 'character' | 'block'; major: number; minor: number }
  /** Set for files that were deleted. */
  deletedBytes?: number
  /** A deleted file that still has another name. */
  otherNames?: boolean
}

export interface JobView {
  processes: readonly ProcessView[]
  /** Namespaces of the job's init; a process with others made them itself. */
  namespaces: Readonly<Record<string, string>>
  /** Mount points in the job's own view that neither are its root nor come from the node: one of its processes made them. */
  ownMounts: readonly string[]
  /** TCP sockets of the node, by inode. */
  tcp: ReadonlyMap<string, { state: 'established' | 'listening' | 'other'; remote: string }>
  /** Pipes of the job's that programs outside the job hold too. */
  pipesOfOthers: readonly string[]
  /** Those of them that are the job's stdio and status: their far ends are with us. */
  ownPipes: readonly string[]
  /** The job's terminal, by path and device number. */
  terminal?: { major: number; minor: number }
}

/** Deleted files are carried inside the images; larger ones would eat the target's memory. */
export const DELETED_FILE_LIMIT_BYTES = 64 * 1024 * 1024

/** null, zero, full, random, urandom, and tty, which is the terminal of whoever opens it. */
const HARMLESS_DEVICES: ReadonlySet<string> = new Set(['1:3', '1:5', '1:7', '1:8', '1:9', '5:0'])

/** Everything /proc shows that would keep this job from moving, the surest first. Empty: it may still turn out that CRIU cannot dump it. */
export function whyCantMove(job: JobView): CantMove[] {
  return [
    ...job.processes.flatMap((process) => ofProcess(process, job)),
    ...sharedPipes(job),
    ...job.ownMounts.map((mount): CantMove => ({ code: 'mount', detail: mount })),
  ]
}

function ofProcess(process: ProcessView, job: JobView): CantMove[] {
  const { pid } = process
  const traced: CantMove[] = process.tracerPid === 0 ? [] : [{ code: 'traced', detail: `by process ${process.tracerPid}`, pid }]
  const apart = Object.entries(process.namespaces).filter(([name, link]) => job.namespaces[name] !== undefined && job.namespaces[name] !== link)
  return [
    ...traced,
    ...process.files.flatMap((file) => ofFile(file, job).map((reason) => ({ ...reason, pid }))),
    ...process.mappedDevices.map((path): CantMove => ({ code: 'device', detail: path, pid })),
    ...apart.map(([name]): CantMove => ({ code: 'namespace', detail: name, pid })),
  ]
}

function ofFile(file: OpenFile, job: JobView): CantMove[] {
  if (/^anon_inode:\[?io_uring/.test(file.target)) return [{ code: 'io_uring', detail: file.target }]
  if (file.device && !isHarmless(file.device, job)) return [{ code: 'device', detail: file.target }]
  if ((file.deletedBytes ?? 0) > DELETED_FILE_LIMIT_BYTES) return [{ code: 'deleted-file', detail: `${file.target.replace(/ \(deleted\)$/, '')} has ${file.deletedBytes} bytes; ${DELETED_FILE_LIMIT_BYTES} are the limit` }]
  const inode = /^socket:\[(\d+)\]$/.exec(file.target)?.[1]
  const connection = inode === undefined ? undefined : job.tcp.get(inode)
  if (connection?.state === 'established') return [{ code: 'tcp', detail: `connected to ${connection.remote}` }]
  if (connection?.state === 'listening') return [{ code: 'listening', detail: file.target }]
  return []
}

function isHarmless({ kind, major, minor }: NonNullable<OpenFile['device']>, { terminal }: JobView): boolean {
  if (kind === 'block') return false
  return HARMLESS_DEVICES.has(`${major}:${minor}`) || (terminal?.major === major && terminal.minor === minor) || isPtyOfTheJob(major)
}

/** Pseudo-terminals that the job made itself (5:2 is ptmx, 136 to 143 are their slaves) move with it; others CRIU refuses by itself. */
function isPtyOfTheJob(major: number): boolean {
  return major >= 136 && major <= 143
}

function sharedPipes(job: JobView): CantMove[] {
  const outside = new Set(job.pipesOfOthers)
  return job.processes.flatMap(({ pid, files }) => files
    .filter(({ target }) => outside.has(target) && !job.ownPipes.includes(target))
    .map(({ target }): CantMove => ({ code: 'pipe', detail: target, pid })))
}
