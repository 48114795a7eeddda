import { readlinkSync, statSync, type Stats } from 'node:fs'
import { processesIn } from '../jobs/cgroups.ts'
import type { HeldJob } from '../jobs/held-job.ts'
import { KEEPER_END, keeperEnd, runningKeeper, type KeeperEnd } from '../jobs/keeper.ts'
import { ownMounts } from '../jobs/mounts.ts'
import { parseMountInfo } from '../mfs/mounts.ts'
import { namesIn, readTextIfThere } from '../os/files.ts'
import type { JobView, OpenFile, ProcessView } from './cantmove.ts'
import { parseTcpTable } from './tcp-table.ts'
import { CRIU } from './criu-process.ts'

/** What of a job is looked at; one with more is left to criu. */
const PROCESSES_LIMIT = 512
const FILES_LIMIT = 4_096
const NAMESPACES = ['ipc', 'mnt', 'net', 'pid', 'user', 'uts'] as const

/** What /proc tells of a job that runs here; undefined when it has just ended, or is only being made. Costs a few system calls for each open file. */
export function snapshotJob(job: HeldJob): JobView | undefined {
  const init = job.initPid()
  if (init === undefined || !job.hasItsRoot) return undefined
  const pids = processesIn(job.cgroup).filter(isInside).slice(0, PROCESSES_LIMIT)
  const processes = pids.map(viewProcess)
  const ownPipes = pipesOfKeeper(job, init)
  const path = job.terminal()
  const terminal = path === undefined ? undefined : deviceOf(statIfThere(path))
  return {
    processes,
    namespaces: namespacesOf(init),
    ownMounts: ownMounts(parseMountInfo(readTextIfThere(`/proc/${init}/mountinfo`) ?? ''), job.mounts()),
    tcp: new Map([...parseTcpTable(readTextIfThere(`/proc/${init}/net/tcp`) ?? ''), ...parseTcpTable(readTextIfThere(`/proc/${init}/net/tcp6`) ?? '')]),
    pipesOfOthers: pipesOutside(processes, ownPipes, new Set(pids)),
    ownPipes,
    ...(terminal === undefined ? {} : { terminal }),
  }
}

/** Whether a process is in a pid namespace below the node's: the keeper's helpers and criu are not, while they start or restore the job. */
function isInside(pid: number): boolean {
  return /^NSpid:\s+\d+\s+\d/m.test(readTextIfThere(`/proc/${pid}/status`) ?? '')
}

function viewProcess(pid: number): ProcessView {
  return {
    pid,
    tracerPid: tracerOf(pid),
    namespaces: namespacesOf(pid),
    files: namesIn(`/proc/${pid}/fd`).slice(0, FILES_LIMIT).flatMap((name) => viewFile(`/proc/${pid}/fd/${name}`) ?? []),
    mappedDevices: mappedDevices(readTextIfThere(`/proc/${pid}/maps`) ?? ''),
  }
}

/** Whether a process is in the hands of another: of criu, while it dumps it, or of a debugger. */
export function isTraced(pid: number): boolean {
  return tracerIn(pid) !== 0
}

function tracerIn(pid: number): number {
  return Number(/^TracerPid:\s*(\d+)/m.exec(readTextIfThere(`/proc/${pid}/status`) ?? '')?.[1] ?? 0)
}

/** Who traces a process, 0 for nobody. criu does while it dumps or restores, which is no debugger. */
function tracerOf(pid: number): number {
  const tracer = tracerIn(pid)
  return linkIfThere(`/proc/${tracer}/exe`) === CRIU ? 0 : tracer
}

function namespacesOf(pid: number): Record<string, string> {
  return Object.fromEntries(NAMESPACES.flatMap((name) => {
    const link = linkIfThere(`/proc/${pid}/ns/${name}`)
    return link === undefined ? [] : [[name, link]]
  }))
}

/** One open file; undefined when it was closed meanwhile. */
function viewFile(path: string): OpenFile | undefined {
  const target = linkIfThere(path)
  if (target === undefined) return undefined
  if (!target.startsWith('/')) return { target }
  const stat = statIfThere(path)
  const device = deviceOf(stat)
  if (device) return { target, device }
  // A named pipe is told by its inode: outside the job it may go by another path.
  if (stat?.isFIFO() === true) return { target: `fifo:[${stat.dev}:${stat.ino}]` }
  const isDeleted = target.endsWith(' (deleted)') && !target.startsWith('/memfd:') && stat?.isFile() === true
  return isDeleted ? { target, deletedBytes: stat.size, otherNames: stat.nlink > 0 } : { target }
}

/** Device files in the text of /proc/PID/maps. Memory that is shared without a name shows as /dev/zero, memory shared by a name lies in /dev/shm. */
export function mappedDevices(maps: string): string[] {
  const paths = maps.split('\n').flatMap((line) => /^\S+ \S+ \S+ \S+ \d+ +(\/dev\/.*)$/.exec(line)?.[1] ?? [])
  return [...new Set(paths)].filter((path) => !path.startsWith('/dev/zero') && !path.startsWith('/dev/shm/'))
}

function pipesOfKeeper(job: HeldJob, init: number): string[] {
  const keeper = runningKeeper(job.folder)
  const ends = keeper === undefined ? [] : (Object.keys(KEEPER_END) as KeeperEnd[]).map((end) => keeperEnd(keeper, end))
  return [...ends, ...[0, 1, 2].map((descriptor) => `/proc/${init}/fd/${descriptor}`)].flatMap((path) => linkIfThere(path) ?? [])
}

/** Those of the job's pipes that a process outside it holds, too. Looks at the other processes only if the job has pipes besides its stdio. */
function pipesOutside(processes: readonly ProcessView[], ownPipes: readonly string[], inside: ReadonlySet<number>): string[] {
  const isPipe = (target: string): boolean => target.startsWith('pipe:[') || target.startsWith('fifo:[')
  const wanted = new Set(processes.flatMap(({ files }) => files.map(({ target }) => target)).filter((target) => isPipe(target) && !ownPipes.includes(target)))
  if (wanted.size === 0) return []
  const others = namesIn('/proc').filter((name) => /^\d+$/.test(name) && !inside.has(Number(name)))
  const held = others.flatMap((pid) => namesIn(`/proc/${pid}/fd`).flatMap((name) => viewFile(`/proc/${pid}/fd/${name}`)?.target ?? []))
  return [...new Set(held.filter((target) => wanted.has(target)))]
}

function deviceOf(stat: Stats | undefined): OpenFile['device'] {
  if (stat === undefined || (!stat.isCharacterDevice() && !stat.isBlockDevice())) return undefined
  // makedev(3): the minor number's upper bits stand above the major's.
  return { kind: stat.isBlockDevice() ? 'block' : 'character', major: (stat.rdev >> 8) & 0xfff, minor: (stat.rdev & 0xff) | ((stat.rdev >> 12) & 0xfff00) }
}

function linkIfThere(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

function statIfThere(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false })
}
