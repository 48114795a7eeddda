import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { MigrationReport } from '../../schema/migration.ts'
import type { NodeId } from '../../schema/node-state.ts'
import { NodeError } from '../api/node-error.ts'
import { movingJobs, processesIn } from '../jobs/cgroups.ts'
import type { HeldJob } from '../jobs/held-job.ts'
import { streamsToJson } from '../jobs/stdio-json.ts'
import { nowMs } from '../os/clock.ts'
import { readTextIfThere } from '../os/files.ts'
import { meminfoKiB } from '../os/meminfo.ts'
import { run } from '../os/run.ts'
import { carriers } from './carriers.ts'
import { finalDumpArguments, preDumpArguments, type DumpOptions, type HandedOver } from './criu-arguments.ts'
import { BEGIN_PIPE, startCriu, type Criu } from './criu-process.ts'
import { parseDumpStats } from './criu-images.ts'
import { countDirtyPages } from './dirty-pages.ts'
import { handedOver, mountsOf, terminalsAmong } from './handed-over.ts'
import { standStillAt } from './hold.ts'
import { keepPushing } from './pages-connection.ts'
import { decidePreCopy, needsPreCopy, type Round } from './precopy.ts'
import { ReadyDump } from './ready-dump.ts'
import { couldNotSend, reasonInLog, refusal } from './refusal.ts'
import { Throttle } from './throttle.ts'
import { openVerdict, type Verdict } from './verdict.ts'
import type { MoveStream } from './wire.ts'

const FIXED_FREEZE_MS = 300
const PAGE_BYTES = 4_096
const RESTORE_LIMIT_MS = 120_000
const SYNC_LIMIT_MS = 60_000
/** What the job wrote and is not home may go while it stands, when it is no more than this: it travels beside the images then. */
const LITTLE_KIB = 256

export interface SourceMove {
  job: HeldJob
  to: NodeId
  /** Of the target in the mesh. */
  address: string
  /** Its memory without what is cached of files, also what of it is swapped out. */
  ownBytes: number
  /** Images and pipes of this move. */
  folder: string
  stream: MoveStream
  /** Asks home for the commit until it has answered: the target has the job now, or it goes on here, or it is not this node's any more. */
  commit(): Promise<'committed' | 'aborted' | 'gone'>
  progress(text: string): void
}

/** Moves the job to a target to which it has been offered. Gives what it took; throws NodeError when the job goes on here: the target's refusal, or what went wrong. */
export async function moveToTarget(move: SourceMove): Promise<Pick<MigrationReport, 'rounds' | 'bytes' | 'freezeMs' | 'totalMs'>> {
  const startMs = nowMs()
  const { job, stream, folder } = move
  const pid = job.initPid()
  if (pid === undefined) throw new NodeError('JOB_ENDED', `job ${job.id} has ended`, 'see how with: plump job ls')
  rmSync(folder, { recursive: true, force: true })
  const throttle = new Throttle(job, pid)
  // Its pipes may cost a program: they are made while pages travel.
  const verdict = openVerdict(folder, [BEGIN_PIPE])
  verdict.catch(() => undefined)
  // The pages of a job that goes at once are few: a page server of its own would take longer to start than they do.
  const inRounds = needsPreCopy(move.ownBytes)
  // A target that refuses heeds none of these. Pages wait for the first; the second is some programs, and may go on beside them.
  if (inRounds) stream.order({ do: 'receive' })
  stream.order({ do: 'prepare', mounts: mountsOf(job, pid) })
  const welcome = stream.expect('welcome')
  const ready = inRounds ? new ReadyDump(move, { listening: welcome.then(() => stream.expect('listening')), pipes: verdict }) : undefined
  try {
    await welcome
    const { rounds, told } = ready ? await preCopy(move, ready, { pid, throttle }) : { rounds: [], told: '' }
    await standStillAt('copying')
    // What it wrote goes home while it still runs; after the freeze, only the rest has to.
    if (unwrittenKiB() > LITTLE_KIB) await sendFilesHome(job)
    const final = await finalDump(move, { pid, throttle, round: rounds.length + 1 }, { ready, verdict: await verdict, told })
    stream.close()
    return { rounds: rounds.length, bytes: rounds.reduce((sum, { bytes }) => sum + bytes, final.bytes), freezeMs: final.freezeMs, totalMs: Math.round(nowMs() - startMs) }
  } finally {
    ready?.close()
    throttle.release()
    await verdict.then((opened) => opened.close(), () => undefined)
  }
}

/** Copies pages while the job runs, until the rest may go while it stands. What is to be told of the last round is told when this node waits for the target: whoever shows it would take the CPU from the dump. */
async function preCopy(move: SourceMove, ready: ReadyDump, { pid, throttle }: Omit<Dump, 'round'>): Promise<{ rounds: Round[]; told: string }> {
  const rounds: Round[] = []
  for (let cpuShare = 1; ;) {
    rounds.push(await preCopyRound(move, { pid, throttle, round: rounds.length + 1 }, ready))
    const dirtyPages = countDirtyPages(processesIn(move.job.cgroup))
    const decision = decidePreCopy({ rounds, dirtyPages, cpuShare, fixedFreezeMs: FIXED_FREEZE_MS })
    const slower = decision.cpuShare === 1 ? '' : `, held back to ${Math.round(decision.cpuShare * 100)} % of its CPU`
    const told = `round ${rounds.length}: ${rounds.at(-1)?.bytes ?? 0} bytes, ${dirtyPages} pages dirty, freeze of about ${decision.estimatedFreezeMs} ms to expect${slower}`
    if (decision.go === 'final-dump') return { rounds, told }
    move.progress(told)
    cpuShare = decision.cpuShare
    throttle.holdBack(cpuShare)
  }
}

/** A dump of a job: the process of it that criu starts from, which of the move's it is, from 1 on, and what holds the job back meanwhile. */
interface Dump {
  pid: number
  round: number
  throttle: Throttle
}

async function preCopyRound(move: SourceMove, dump: Dump, ready: ReadyDump): Promise<Round> {
  const { job, folder } = move
  const options = dumpOptions(move, dump, handedOver(job))
  const pages = await ready.takeConnection()
  const startMs = nowMs()
  keepPushing(pages)
  const criu = startCriu(preDumpArguments({ ...options, sendsPages: true }), { move: folder, stdin: pages })
  const goesOn = dump.throttle.stepAsideFor(criu.ended, 'it-goes-on').then(() => {
    void carriers.add(criu, { cgroup: job.cgroup, folder })
    ready.prepare({ ...dumpOptions(move, { ...dump, round: dump.round + 1 }, handedOver(job)), sendsPages: true })
  })
  // A job that has ended is noticed by what comes next.
  goesOn.catch(() => undefined)
  const code = await criu.ended
  if (code !== 0) throw dumpFailed(options.folder)
  await goesOn
  const { pagesWritten } = parseDumpStats(readFileSync(`${options.folder}/stats-dump`))
  return { pages: pagesWritten, bytes: pagesWritten * PAGE_BYTES, durationMs: Math.max(1, nowMs() - startMs) }
}

/** Makes the folder of the round, too. */
function dumpOptions({ folder, job }: SourceMove, { pid, round }: Dump, handed: readonly HandedOver[]): DumpOptions {
  const into = `${folder}/${round}`
  mkdirSync(into, { recursive: true, mode: 0o700 })
  return { pid, folder: into, ...(round === 1 ? {} : { parent: `../${round - 1}` }), terminals: terminalsAmong(handed), mounts: mountsOf(job, pid) }
}

interface LastRoundParts {
  /** When none is ready, the job goes at once: all pages go with the other images. */
  ready: ReadyDump | undefined
  verdict: Verdict
  /** What is to be told of the round before. */
  told: string
}

async function finalDump(move: SourceMove, dump: Dump, { ready, verdict, told }: LastRoundParts): Promise<{ bytes: number; freezeMs: number }> {
  const { job, stream } = move
  const handed = handedOver(job)
  const options = { ...dumpOptions(move, dump, handed), sendsPages: ready !== undefined }
  stream.order({ do: 'stand-still', round: dump.round, mounts: [...options.mounts], handedOver: handed })
  job.setLeaving(true)
  // All but the node's own programs give way to those of the job, and so does it to this one: there is little left to be done here once the dump has begun.
  movingJobs.set(job.cgroup, 'standing')
  let taken = false
  let criu: Criu | undefined
  let frozen: Awaited<ReturnType<HeldJob['stdio']['freeze']>> | undefined
  try {
    criu = ready ? await ready.begin(options) : startCriu(finalDumpArguments(options), { move: move.folder })
    void dump.throttle.stepAsideFor(criu.ended, 'for-good')
    const first = await Promise.race([verdict.reached.then(() => 'dumped' as const), criu.ended])
    if (first !== 'dumped') throw dumpFailed(options.folder)
    // Should criu die now, its processes would run again by themselves; the freezer holds them until home has spoken.
    setFrozen(job, true)
    const filesAreHome = sendFilesHome(job)
    filesAreHome.catch(() => undefined)
    await standStillAt('frozen')
    // The target has something to do with the images while this node sees to the rest.
    const imageBytes = await stream.sendFiles(options.folder, readdirSync(options.folder).filter((name) => name.endsWith('.img') && !(ready && /^page(?:s|map)-/.test(name))))
    frozen = await job.stdio.freeze()
    await filesAreHome
    stream.order({ do: 'restore', streams: streamsToJson(frozen) })
    if (told !== '') move.progress(told)
    await withLimit(stream.expect('restored'), RESTORE_LIMIT_MS)
    await standStillAt('committing')
    const said = await move.commit()
    await standStillAt('committed')
    taken = said !== 'aborted'
    if (!taken) throw new NodeError('MOVE_ABORTED', 'home did not let the job go', 'try again; plump log has the reason')
    if (said === 'committed') stream.order({ do: 'take-over' })
    verdict.say('go')
    await criu.ended
    const { pagesWritten, frozenMs } = parseDumpStats(readFileSync(`${options.folder}/stats-dump`))
    return { bytes: imageBytes + (ready ? pagesWritten * PAGE_BYTES : 0), freezeMs: frozenMs }
  } finally {
    if (!taken) {
      if (!stream.isClosed) stream.order({ do: 'discard' })
      setFrozen(job, false)
      verdict.say('no')
      await criu?.ended
      if (frozen) job.stdio.thaw(frozen)
      job.setLeaving(false)
      // Home may be long in hearing that the move is off; the other jobs need not wait for that.
      movingJobs.set(job.cgroup, 'copying')
    }
  }
}

/** What this node has yet to write to the nodes of its jobs' files. */
function unwrittenKiB(): number {
  const meminfo = readTextIfThere('/proc/meminfo') ?? ''
  return meminfoKiB(meminfo, 'Dirty') + meminfoKiB(meminfo, 'Writeback')
}

/** Away from home, what the job wrote may still be in this node's cache; the next node would not see it. Throws NodeError when home does not take it. */
async function sendFilesHome({ homeRoot }: HeldJob): Promise<void> {
  if (homeRoot === '/') return
  await run('/usr/bin/busybox', ['sync', '-f', homeRoot], SYNC_LIMIT_MS).catch((error: unknown) => {
    throw new NodeError('HOME_UNREACHABLE', `home does not take what the job wrote: ${error instanceof Error ? error.message : String(error)}`, 'the job goes on here; see whether its home is alive with: plump nodes')
  })
}

function setFrozen(job: HeldJob, frozen: boolean): void {
  writeFileSync(`${job.cgroup}/cgroup.freeze`, frozen ? '1' : '0')
}

/** Why criu could not dump it. */
function dumpFailed(folder: string): NodeError {
  const log = readTextIfThere(`${folder}/criu.log`) ?? ''
  if (couldNotSend(log)) return new NodeError('PAGES_LOST', 'the pages did not reach the target: it has no room for them, or cannot be reached', 'the job goes on here; try another node')
  return refusal(reasonInLog(log))
}

async function withLimit<T>(promise: Promise<T>, limitMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new NodeError('TARGET_SILENT', `the target did not restore the job within ${limitMs / 1000} s`, 'the job goes on here; try another node')), limitMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
