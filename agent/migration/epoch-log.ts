import type { NodeId } from '../../schema/node-state.ts'
import { send, type Effect, type ToCopy, type ToHome } from './commit-machine.ts'

/** Home's epoch log of one job. */
export interface HomeLog {
  /** Number of the holder's entry. */
  epoch: number
  holder: NodeId
  /** Numbers below are used up, by moves that were committed or not. */
  nextEpoch: number
  /** The attempt that was granted last. */
  attempt?: number
  /** Its move, while it is neither committed nor withdrawn. */
  move?: { next: number; to: NodeId }
  /** Nobody runs the job any more, and why. */
  lost?: string
}

export type HomeEvent = { type: 'message'; from: NodeId; message: ToHome } | { type: 'node-failed'; node: NodeId } | { type: 'check' }

export function firstLog(holder: NodeId): HomeLog {
  return { epoch: 1, holder, nextEpoch: 2 }
}

/** One step of home's log. */
export function homeStep(log: HomeLog, event: HomeEvent): { log: HomeLog; effects: Effect[] } {
  if (event.type === 'node-failed') return { log: withoutNode(log, event.node), effects: [] }
  if (event.type === 'check') return { log, effects: log.lost === undefined ? [send(log.holder, { type: 'check', epoch: log.epoch })] : [] }
  const { from, message } = event
  const answer = (reply: ToCopy, after: HomeLog = log): { log: HomeLog; effects: Effect[] } => ({ log: after, effects: [send(from, reply)] })
  switch (message.type) {
    case 'begin': {
      if (!isHolder(log, from, message.epoch)) return answer({ type: 'stale', epoch: message.epoch })
      const { attempt, to } = message
      const refused = { type: 'refused', epoch: log.epoch, attempt } as const
      if (to === from) return answer(refused)
      // The same question again gets the same number; every other attempt a new one, so that late messages of an old one cannot meet it.
      if (log.attempt === attempt) return answer(log.move ? { type: 'granted', epoch: log.epoch, next: log.move.next, attempt } : refused)
      const next = log.nextEpoch
      return answer({ type: 'granted', epoch: log.epoch, next, attempt }, { ...log, nextEpoch: next + 1, attempt, move: { next, to } })
    }
    case 'commit': return commit(log, from, message)
    case 'withdraw': return answer({ type: 'withdrawn', next: message.next }, log.move?.next === message.next ? withoutMove(log) : log)
    case 'hold': return isHolder(log, from, message.epoch) ? { log, effects: [] } : answer({ type: 'stale', epoch: message.epoch })
    case 'absent': {
      const held = isHolder(log, from, message.epoch)
      return { log: held ? lose(log, `node ${from}, which held it, ended it when it lost sight of home`) : log, effects: [] }
    }
    case 'ask': {
      if (isHolder(log, from, message.next)) return answer({ type: 'committed', next: message.next })
      return log.move?.next === message.next ? { log, effects: [] } : answer({ type: 'aborted', next: message.next })
    }
  }
}

/** The instant at which the job changes hands. */
function commit(log: HomeLog, from: NodeId, { epoch, next }: { epoch: number; next: number }): { log: HomeLog; effects: Effect[] } {
  if (isHolder(log, from, epoch) && log.move?.next === next) {
    const { to } = log.move
    const effects = [send(to, { type: 'committed', next }), send(from, { type: 'committed', next })]
    return { log: { ...withoutMove(log), epoch: next, holder: to }, effects }
  }
  if (isHolder(log, from, epoch)) return { log, effects: [send(from, { type: 'aborted', next })] }
  return { log, effects: [send(from, { type: 'stale', epoch })] }
}

function isHolder(log: HomeLog, node: NodeId, epoch: number): boolean {
  return log.lost === undefined && log.holder === node && log.epoch === epoch
}

function withoutMove(log: HomeLog): HomeLog {
  const { epoch, holder, nextEpoch, attempt, lost } = log
  return { epoch, holder, nextEpoch, ...(attempt === undefined ? {} : { attempt }), ...(lost === undefined ? {} : { lost }) }
}

function withoutNode(log: HomeLog, node: NodeId): HomeLog {
  if (log.lost !== undefined) return log
  if (log.holder === node) return lose(log, `node ${node}, which held it, failed`)
  return log.move?.to === node ? withoutMove(log) : log
}

function lose(log: HomeLog, why: string): HomeLog {
  return { ...withoutMove(log), lost: why }
}
