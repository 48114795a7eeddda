import type { NodeId } from '../../schema/node-state.ts'
import { hasRoom } from './eligibility.ts'

/** A reservation that nothing came of ends by itself; one whose job is on its way is renewed by the move. */
export const RESERVATION_MS = 5_000
export const RENEW_MS = 2_000
/** How much busier than it told the asker a node may have become before it sends a job away again. */
const BUSIER_BY = 0.25
/** Jobs that may be about to start here at the same time. */
const STARTS_LIMIT = 64

export interface ReservationRequest {
  job: string
  from: NodeId
  /** A job that moves here, or one that starts here (`mosrun -j auto`). */
  kind: 'move' | 'start'
  /** Load that the job adds here. */
  load: number
  rssKiB: number
  /** What the asker takes this node's load to be, without the job. */
  assumedLoad: number
  /** To relieve the asker's memory: then this node's load is no reason to refuse. */
  forMemory: boolean
}

/** What the target knows of itself at that moment. */
export interface Host {
  load: number
  memoryTotalKiB: number
  memoryFreeKiB: number
  takes: boolean
  /** A job is arriving by a move already. */
  arriving: boolean
}

/** A refusal tells this node's load as it is now, so that the asker need not wait for the news. */
export type ReservationAnswer = { granted: true } | { granted: false; why: string; load: number }

interface Held {
  kind: 'move' | 'start'
  load: number
  rssKiB: number
  untilMs: number
}

/**
 * The target's side of a move: one place, held for {@link RESERVATION_MS}, so that ten nodes that saw the same idle one do not all go
 * there. What is reserved counts as load and as used memory at once.
 */
export class Reservations {
  #held = new Map<string, Held>()

  ask(request: ReservationRequest, host: Host, nowMs: number): ReservationAnswer {
    const why = this.#whyNot(request, host, nowMs)
    if (why !== undefined) return { granted: false, why, load: host.load + this.held(nowMs).load }
    const { kind, load, rssKiB } = request
    this.#held.set(request.job, { kind, load, rssKiB, untilMs: nowMs + RESERVATION_MS })
    return { granted: true }
  }

  #whyNot(request: ReservationRequest, host: Host, nowMs: number): string | undefined {
    const held = this.held(nowMs)
    const load = host.load + held.load
    if (!host.takes) return 'it takes no guests'
    if (request.kind === 'move' && (host.arriving || this.#holdsMove(request.job))) return 'another job is arriving there'
    if (held.jobs >= STARTS_LIMIT) return 'too many jobs are about to start there'
    if (!hasRoom({ ...host, memoryFreeKiB: host.memoryFreeKiB - held.rssKiB }, request.rssKiB)) return `it has no room for ${Math.ceil(request.rssKiB / 1024)} MiB`
    if (!request.forMemory && load > request.assumedLoad + BUSIER_BY) return `its load is ${load.toFixed(1)} by now, not ${request.assumedLoad.toFixed(1)}`
    return undefined
  }

  #holdsMove(besides: string): boolean {
    for (const [job, { kind }] of this.#held) if (kind === 'move' && job !== besides) return true
    return false
  }

  /** The move goes on: the place is held for another {@link RESERVATION_MS}. */
  renew(job: string, nowMs: number): void {
    const held = this.#held.get(job)
    if (held !== undefined) held.untilMs = nowMs + RESERVATION_MS
  }

  /** The job is here, or will not come. */
  release(job: string): void {
    this.#held.delete(job)
  }

  /** What to add to this node's own figures. */
  held(nowMs: number): { load: number; rssKiB: number; jobs: number } {
    const sum = { load: 0, rssKiB: 0, jobs: 0 }
    for (const [job, { load, rssKiB, untilMs }] of this.#held) {
      if (untilMs <= nowMs) this.#held.delete(job)
      else {
        sum.load += load
        sum.rssKiB += rssKiB
        sum.jobs++
      }
    }
    return sum
  }
}
