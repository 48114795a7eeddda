import { createWriteStream, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { freemem } from 'node:os'
import { pipeline } from 'node:stream/promises'
import { isDeepStrictEqual } from 'node:util'
import type { LastRound, Offer } from '../../schema/migration.ts'
import type { NodeId } from '../../schema/node-state.ts'
import { NodeError } from '../api/node-error.ts'
import { makeCgroup, movingJobs } from '../jobs/cgroups.ts'
import type { HeldJob } from '../jobs/held-job.ts'
import type { Holder } from '../jobs/holder.ts'
import type { BoundMount } from '../jobs/mounts.ts'
import { nowMs } from '../os/clock.ts'
import { standStillAt } from './hold.ts'
import { stepInto } from './mounts-here.ts'
import { PageServers, roundFolder } from './page-servers.ts'
import { refusal } from './refusal.ts'
import { beginRestore, FIRST_IMAGE, FIRST_IMAGE_COMES_AS, HOLDING_PIPE, type BegunRestore } from './restore.ts'
import { ARGUMENTS_PIPE, startRestorer } from './restorer.ts'
import { openVerdict, type Verdict } from './verdict.ts'
import type { MoveStream } from './wire.ts'

/** While a job is restored, its pages lie in the images and again in its processes. */
const MEMORY_FACTOR = 2

/** A job that comes here. */
export interface Arrival {
  job: HeldJob
  stream: MoveStream
  source: NodeId
  self: NodeId
  folder: string
  /** All that the job has in memory. */
  memoryBytes: number
  /** Whether a node is among the members that are alive. */
  lives(node: NodeId): boolean
}

/** Makes the place for a job. Throws NodeError: what this node lacks for it. */
export async function makeRoom(holder: Holder, offer: Offer, places: { self: NodeId; folder: string }): Promise<HeldJob> {
  if (freemem() < offer.memoryBytes * MEMORY_FACTOR) throw refusal({ code: 'memory', detail: `node ${places.self} has ${freemem()} bytes free, the job needs ${offer.memoryBytes * MEMORY_FACTOR} while it comes` })
  const { job, spec } = offer.record
  const held = await holder.prepare({ job: { ...job, node: places.self, epoch: offer.next }, spec })
  // Until the job has been taken over, the end of what stands here is not its end.
  held.setLeaving(true)
  makeCgroup(held.cgroup, spec.limits)
  movingJobs.set(held.cgroup, 'copying')
  rmSync(places.folder, { recursive: true, force: true })
  mkdirSync(places.folder, { recursive: true, mode: 0o700 })
  return held
}

/** A job that stands here, stopped at criu's point of no return. */
export interface StandingJob {
  verdict: Verdict
  /** When its last round began, in which it stood still at the source. */
  frozenSinceMs: number
  /** Folder of the images it is restored from. */
  images: string
}

/** Takes pages and images until the job stands here. Throws when it does not come to that. */
export async function receiveJob(arrival: Arrival): Promise<StandingJob> {
  const { stream, folder, source, self } = arrival
  const { cgroup } = arrival.job
  let pages: PageServers | undefined
  /** The last round, once it is known, and its folder. */
  let last: { round: number; images: string } | undefined
  let frozenSinceMs = nowMs()
  // Its pipes may cost a program, which no page waits for.
  const pipes = openVerdict(folder, [ARGUMENTS_PIPE, HOLDING_PIPE])
  pipes.catch(() => undefined)
  let prepared: Promise<readonly BoundMount[]> | undefined
  let restore: Promise<BegunRestore> | undefined
  let stands = false
  const standStill = (known: LastRound): void => {
    frozenSinceMs = nowMs()
    movingJobs.set(cgroup, 'standing')
    const images = roundFolder(folder, known.round)
    last = { round: known.round, images }
    restore = prepared?.then((bound) => beginRestore({ ...arrival, images, bound }, known))
    restore?.catch(() => undefined)
  }
  await standStillAt('receiving')
  try {
    for (let order = await stream.nextOrder(); order; order = await stream.nextOrder()) {
      if (order.do === 'prepare') {
        if (prepared !== undefined) break
        prepared = prepare(arrival, order.mounts, pipes)
        prepared.catch(() => undefined)
      } else if (order.do === 'receive') {
        if (pages) break
        pages = await PageServers.listen({ source, self, folder, cgroup })
        stream.answer({ is: 'listening' })
      } else if (order.do === 'stand-still') {
        if (last) break
        standStill(order)
      } else if (!last) break
      else if (order.do === 'file') await receiveFile(stream, pathOf(last.images, order.name), order.bytes)
      else if (order.do === 'small-files') {
        await receiveSmallFiles(stream, last.images, order.files)
        const begun = await restore
        begun?.adapt()
      } else if (order.do === 'restore') {
        await pages?.settled(last.round)
        const begun = await restore
        if (!begun) break
        const verdict = await pipes
        if (!isDeepStrictEqual(arrival.job.mounts(), await prepared)) throw new NodeError('MOUNTS_CHANGED', `a disk of node ${arrival.self} came or went while the job did`, 'the job goes on where it was; try again')
        await begun.finish(verdict, order.streams)
        stands = true
        return { verdict, frozenSinceMs, images: last.images }
      } else break
    }
    throw new NodeError('MOVE_GIVEN_UP', 'the source gave the move up', 'the job goes on where it was')
  } finally {
    pages?.close()
    void restore?.then((begun) => begun.close(), () => undefined)
    if (!stands) {
      // What it started is ended with the job's place.
      await prepared?.catch(() => undefined)
      await pipes.then((verdict) => verdict.close(), () => undefined)
    }
  }
}

/** While the job still runs at its source, since all this takes time: has here mounted what is mounted there, and starts what restores it. Gives what this node binds into it. */
async function prepare({ job, folder, lives }: Arrival, mounts: readonly string[], pipes: Promise<unknown>): Promise<readonly BoundMount[]> {
  const bound = job.mounts()
  await stepInto(job, mounts, bound, lives)
  await pipes
  await startRestorer(job, folder)
  return bound
}

function pathOf(folder: string, image: string): string {
  return `${folder}/${image === FIRST_IMAGE ? FIRST_IMAGE_COMES_AS : image}`
}

async function receiveFile(stream: MoveStream, path: string, bytes: number): Promise<void> {
  await pipeline(piecesOf(stream, path, bytes), createWriteStream(path, { mode: 0o600 }))
}

async function receiveSmallFiles(stream: MoveStream, folder: string, files: readonly { name: string; bytes: number }[]): Promise<void> {
  const body = await stream.nextBytes()
  if (body?.length !== files.reduce((sum, { bytes }) => sum + bytes, 0)) throw new RangeError(`the small files of ${folder} did not arrive whole`)
  let at = 0
  for (const { name, bytes } of files) writeFileSync(pathOf(folder, name), body.subarray(at, at += bytes), { mode: 0o600 })
}

/** Bytes of a file as they come. Throws RangeError when they are more, or the connection ends before. */
async function* piecesOf(stream: MoveStream, path: string, bytes: number): AsyncGenerator<Buffer> {
  for (let left = bytes; left > 0;) {
    const piece = await stream.nextBytes()
    if (!piece || piece.length > left) throw new RangeError(`${path} did not arrive whole`)
    left -= piece.length
    yield piece
  }
}
