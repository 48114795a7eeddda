import { CANTMOVE } from '../../schema/cantmove.ts'
import type { Job, JobChange } from '../../schema/job.ts'
import type { NodeId } from '../../schema/node-state.ts'
import { formatMask, parseMask } from '../jobs/mask-text.ts'
import { asFileErrors } from './file-errors.ts'
import { folder, line, readSwitch, refuse } from './files.ts'
import type { Entry, Folder, TextFile } from './ninep-server.ts'

/** What /hpc/jobs and /hpc/remote show: the seed's /proc/PID/{cantmove,goto,lock,…} and /proc/hpc/remote (openMosix HOWTO, tables 8-3 and 8-5), for jobs. */

export interface JobsView {
  self(): NodeId | undefined
  /** Those whose home is this node, and the guests here. */
  jobs(): readonly Job[]
  /** Throws NodeError when the job stays. */
  move(job: string, to: NodeId | 'home' | 'best'): Promise<unknown>
  /** Throws NodeError. */
  change(job: string, change: JobChange): Promise<unknown>
  /** Hears why a reader or writer got an error. */
  refused(why: string): void
}

const PAGE_BYTES = 4_096

/** One folder a job that has not ended; its files may be written by its owner and root. */
export function jobsFolder(view: JobsView): Folder {
  /** Moves ordered here that are under way, and where to. */
  const underWay = new Map<string, NodeId>()
  return jobFolders(() => running(view), (job) => folder({
    cantmove: { kind: 'file', read: () => cantmoveText(job) },
    goto: gotoFile(view, job, underWay),
    migrate: gotoFile(view, job, underWay),
    lock: owned(job, { kind: 'file', read: () => line(job.lock === 'none' ? 0 : 1), write: (text) => changed(view, job, { lock: readSwitch(text) ? 'here' : 'none' }) }),
    mask: owned(job, { kind: 'file', read: () => `${formatMask(job.mask)}\n`, write: (text) => changed(view, job, { mask: parseMask(text) ?? refuse('any, allow:ID,… or deny:ID,… was expected') }) }),
    nmigs: { kind: 'file', read: () => line(job.migrations) },
    where: { kind: 'file', read: () => line(job.node) },
    decay: folder(decayFiles(view, job)),
  }))
}

/** One folder a guest. */
export function remoteFolder(view: JobsView): Folder {
  return jobFolders(() => running(view).filter((job) => job.home !== view.self()), (job) => folder({
    from: { kind: 'file', read: () => line(job.home) },
    identity: { kind: 'file', read: () => `uid=${job.uid} started=${job.started} command=${job.command.join(' ')}\n` },
    statm: { kind: 'file', read: () => line(Math.ceil(job.memoryBytes / PAGE_BYTES)) },
    stats: { kind: 'file', read: () => `cpu=${job.cpuSeconds} processes=${job.processes} niceness=${job.niceness}\n` },
  }))
}

function running(view: JobsView): Job[] {
  return view.jobs().filter((job) => job.outcome === undefined)
}

function jobFolders(jobs: () => readonly Job[], files: (job: Job) => Folder): Folder {
  return {
    kind: 'folder',
    names: () => jobs().map(({ id }) => id),
    entry(name) {
      const job = jobs().find(({ id }) => id === name)
      return job && files(job)
    },
  }
}

function cantmoveText({ lock, cantmove }: Job): string {
  if (cantmove) return `${cantmove.code} ${cantmove.sentence}\n`
  return lock === 'none' ? '' : `locked ${CANTMOVE.locked}\n`
}

/** Reads as the node it is on its way to, 0 when it is on none; the write ends when the job is there. */
function gotoFile(view: JobsView, job: Job, underWay: Map<string, NodeId>): TextFile {
  return owned(job, {
    kind: 'file',
    read: () => line(underWay.get(job.id) ?? 0),
    write: (text) => asFileErrors(async () => {
      const to = readTarget(text)
      if (to === job.node || (to === 'home' && job.node === job.home)) return
      underWay.set(job.id, to === 'home' ? job.home : to === 'best' ? 0 : to)
      try {
        await view.move(job.id, to)
      } finally {
        underWay.delete(job.id)
      }
    }, view.refused),
  })
}

/** A node's id; `home`, or 0 as the seed had it; `best`. */
export function readTarget(text: string): NodeId | 'home' | 'best' {
  if (text === 'home' || text === '0') return 'home'
  if (text === 'best') return 'best'
  const id = /^(?:0x[0-9a-f]{1,4}|[1-9]\d{0,4})$/i.test(text) ? Number(text) : 0
  return id > 0 && id <= 0xffff ? id : refuse('a node id, home or best was expected')
}

/** Writing a 1 makes it so; they read as 1 when it is. */
function decayFiles(view: JobsView, job: Job): Record<string, Entry> {
  const { hints } = job
  const hint = (isSo: boolean, change: Job['hints']): TextFile => owned(job, {
    kind: 'file',
    read: () => line(isSo ? 1 : 0),
    write: (text) => (readSwitch(text) ? changed(view, job, { hints: { ...hints, ...change } }) : refuse('only a 1 may be written')),
  })
  return {
    cpujob: hint(hints.kind === 'cpu', { kind: 'cpu' }),
    iojob: hint(hints.kind === 'io', { kind: 'io' }),
    slow: hint(hints.decay === 'slow', { decay: 'slow' }),
    fast: hint(hints.decay === 'fast', { decay: 'fast' }),
    clear: hint(hints.decay === undefined && hints.kind === undefined, { kind: undefined, decay: undefined }),
  }
}

function changed(view: JobsView, job: Job, change: JobChange): Promise<void> {
  return asFileErrors(async () => void await view.change(job.id, change), view.refused)
}

function owned(job: Job, file: TextFile): TextFile {
  return { ...file, uid: job.uid }
}
