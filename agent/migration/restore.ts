import { closeSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import { freemem } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import type { LastRound, SourceOrder } from '../../schema/migration.ts'
import type { NodeId } from '../../schema/node-state.ts'
import { NodeError } from '../api/node-error.ts'
import { processesIn } from '../jobs/cgroups.ts'
import type { HeldJob } from '../jobs/held-job.ts'
import type { BoundMount } from '../jobs/mounts.ts'
import { readTextIfThere } from '../os/files.ts'
import { openForReader, openOnceRead } from '../os/named-pipes.ts'
import { restoreArguments } from './criu-arguments.ts'
import { hasLocks, setLocksAside } from './file-locks.ts'
import { addMounts, mountsHere } from './mounts-here.ts'
import { tellRestorer } from './restorer.ts'
import type { Verdict } from './verdict.ts'

/** Each look costs a job that stands still. */
const RESTORE_POLL_MS = 100
/** What restores a job is among its processes within this time, or never. */
const STARTS_WITHIN_MS = 10_000
/** With less than this much of its memory free when nearly all its pages are here, each is dropped from the images once the job has it, which takes time. */
const PLENTY_FACTOR = 1.5
/** criu reads this image before all others. */
export const FIRST_IMAGE = 'inventory.img'
/** Under this name it comes, until the others are there. */
export const FIRST_IMAGE_COMES_AS = `${FIRST_IMAGE}.comes`
/** Pipe in the folder of a move; {@link beginRestore} puts it in the place of the first image. */
export const HOLDING_PIPE = 'holding'

export interface RestorePlace {
  job: HeldJob
  self: NodeId
  /** Of the move. */
  folder: string
  /** Folder of its last round. */
  images: string
  /** All that the job has in memory. */
  memoryBytes: number
  /** What this node binds into it. */
  bound: readonly BoundMount[]
  /** Whether a node is among the members that are alive. */
  lives(node: NodeId): boolean
}

/** A restore that waits for the images. */
export interface BegunRestore {
  /** Some images are there: does with them what need not wait for the others. Throws NodeError MOUNTS_CHANGED. */
  adapt(): void
  /** All images are there: resolves when the job stands, restored. Throws NodeError RESTORE_FAILED. */
  finish(verdict: Verdict, streams: Extract<SourceOrder, { do: 'restore' }>['streams']): Promise<void>
  /** Nothing more is to be told to it, whatever has become of it. */
  close(): void
}

/**
 * Has criu start while the job is being dumped at its source: with its libraries, its start takes an eighth of a second in software emulation. It is held where it
 * opens the first image, which is a pipe until the others are there. Where memory is scarce it starts when all are there: what it may drop of them, it must know then.
 */
export function beginRestore(place: RestorePlace, { mounts, handedOver }: LastRound): BegunRestore {
  const { job, folder, images, bound, lives } = place
  const here = mountsHere(job, mounts, bound, lives)
  const tell = (): { close(): void } => tellRestorer(folder, here.map(({ from }) => from), restoreArguments({ folder: images, handedOver, mounts: here }))
  const isScarce = freemem() < PLENTY_FACTOR * place.memoryBytes
  if (isScarce) writeFileSync(`${folder}/spare-memory`, '', { mode: 0o600 })
  else renameSync(`${folder}/${HOLDING_PIPE}`, `${images}/${FIRST_IMAGE}`)
  let told = isScarce ? undefined : tell()
  let hasMounts = false
  return {
    adapt() {
      hasMounts ||= addMounts(images, here)
    },
    async finish(verdict, streams) {
      this.adapt()
      if (hasLocks(images)) setLocksAside(images, folder, job.homeRoot)
      const over = new AbortController()
      try {
        if (isScarce) renameSync(`${images}/${FIRST_IMAGE_COMES_AS}`, `${images}/${FIRST_IMAGE}`)
        told ??= tell()
        const given = isScarce ? Promise.resolve() : giveFirstImage(images, over.signal)
        given.catch(() => undefined)
        // criu need not wait until the job's streams are ready.
        job.arrive(streams)
        const failed = whyItFails(job, images, over.signal)
        const reason = await Promise.race([verdict.reached.then(() => undefined), failed, given.then(() => failed)])
        if (reason !== undefined) throw new NodeError('RESTORE_FAILED', `node ${place.self} cannot restore it: ${reason}`, 'the job goes on where it was; try another node')
      } finally {
        over.abort()
      }
    },
    close: () => told?.close(),
  }
}

/** Lets criu go on that is held at the first image, as soon as it is there, which is at once if it is there now; a second restore finds a file in its place. */
async function giveFirstImage(images: string, over: AbortSignal): Promise<void> {
  const path = `${images}/${FIRST_IMAGE}`
  const comes = `${images}/${FIRST_IMAGE_COMES_AS}`
  const pipe = openForReader(path) ?? await openOnceRead(path, () => over.aborted)
  if (pipe === undefined) return
  writeSync(pipe, readFileSync(comes))
  closeSync(pipe)
  renameSync(comes, path)
}

/** Notices that criu gave up; it runs below the keeper, so nobody is told. Empty when all is over. */
async function whyItFails(job: HeldJob, folder: string, over: AbortSignal): Promise<string> {
  let seen = false
  for (let waitedMs = 0; !over.aborted; waitedMs += RESTORE_POLL_MS) {
    const alive = processesIn(job.cgroup).length > 0
    seen ||= alive || waitedMs >= STARTS_WITHIN_MS
    const gaveUp = whyRestoreFailed(folder) ?? (seen && !alive ? 'no reason given' : undefined)
    if (gaveUp !== undefined) return gaveUp
    await pause(RESTORE_POLL_MS)
  }
  return ''
}

/** Why criu gave up, by its log; undefined when it did not. */
export function whyRestoreFailed(images: string): string | undefined {
  const log = readTextIfThere(`${images}/restore.log`) ?? ''
  return log.includes('Restoring FAILED') ? /Error (.*)/.exec(log)?.[1] ?? 'no reason given' : undefined
}
