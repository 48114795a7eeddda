import type { NodeId } from '../../schema/node-state.ts'

/**
 * Who may run a job: the commit protocol of a migration as pure functions (docs/decisions/0036-commit-protocol.md has the state diagram).
 * Home keeps the epoch log: the holder of the job, under a number that grows with each move. A node runs a job only when the log names it
 * with that number. The log changes at one instant, when home takes the source's `commit`; before it the source may resume at will, after it only
 * the target runs, and in between the source stays frozen until home tells.
 *
 * Both roles write their state down before they carry the effects out, and every effect may be carried out again, so that a restarted agent goes on
 * from `recovered`.
 */

/** To the home node. `next` is the epoch of a move, `epoch` that of the holder. */
export type ToHome =
  /** from the holder */
  | { type: 'begin'; epoch: number; to: NodeId; attempt: number }
  | { type: 'commit'; epoch: number; next: number }
  | { type: 'withdraw'; epoch: number; next: number }
  | { type: 'hold'; epoch: number }
  | { type: 'absent'; epoch: number }
  /** from the target */
  | { type: 'ask'; next: number }

/** To a node that has, had or will have a copy of the job. */
export type ToCopy =
  /** from home */
  | { type: 'granted'; epoch: number; next: number; attempt: number }
  | { type: 'refused'; epoch: number; attempt: number }
  | { type: 'withdrawn'; next: number }
  | { type: 'committed'; next: number }
  | { type: 'aborted'; next: number }
  | { type: 'check'; epoch: number }
  | { type: 'stale'; epoch: number }
  /** from source to target and back */
  | { type: 'offer'; next: number }
  | { type: 'restore'; next: number }
  | { type: 'restored'; next: number }
  | { type: 'failed'; next: number }
  | { type: 'discard'; next: number }

export type Message = ToHome | ToCopy

const TO_HOME: readonly string[] = ['begin', 'commit', 'withdraw', 'hold', 'absent', 'ask'] satisfies ToHome['type'][]

export function isToHome(message: Message): message is ToHome {
  return TO_HOME.includes(message.type)
}

/** What the edge has to do, in this order; each may be repeated. */
export type Effect =
  | { do: 'send'; to: NodeId; message: Message }
  /** Start pre-copy to this node. */
  | { do: 'copy'; to: NodeId; next: number }
  /** Let a frozen copy run again. */
  | { do: 'resume' }
  /** Let a copy that was restored stopped run. */
  | { do: 'run' }
  /** End the copy here, in whatever state it is. */
  | { do: 'kill' }

/** A node's part in one job that is, was or will be here. */
export type Copy =
  /** Nothing of it is here. */
  | { at: 'none' }
  /** target: pages arrive. */
  | { at: 'receiving'; next: number; source: NodeId }
  /** target: restored, stopped; only home knows what will become of it. */
  | { at: 'stopped'; next: number }
  /** It runs here. */
  | { at: 'running'; epoch: number }
  /** source: waits for home's leave. */
  | { at: 'asking'; epoch: number; to: NodeId; attempt: number }
  /** source: copying, then frozen; it may resume at will. */
  | { at: 'moving'; epoch: number; next: number; to: NodeId }
  /** source: frozen; only home knows what will become of it. */
  | { at: 'committing'; epoch: number; next: number; to: NodeId }
  /** source: it runs here, and home does not know yet that the move is off. */
  | { at: 'withdrawing'; epoch: number; next: number }

export type CopyEvent =
  | { type: 'message'; from: NodeId; message: ToCopy }
  /** Move it there. `attempt` is a number that no other attempt of this job has. */
  | { type: 'start'; to: NodeId; attempt: number }
  /** source: all is dumped, the job is frozen. */
  | { type: 'dumped' }
  /** source: pre-copy, dump or the connection to the target failed. */
  | { type: 'copy-failed' }
  /** target: the job stands here, stopped. */
  | { type: 'stands' }
  /** target: it could not be restored, or the source went away before. */
  | { type: 'restore-failed' }
  /** No answer came; ask again. */
  | { type: 'timeout' }
  | { type: 'home-failed' }
  /** The agent was started anew and found this state written down. */
  | { type: 'recovered' }

interface Step {
  copy: Copy
  effects: Effect[]
}

/** One step of a node's part. Events that do not fit the state change nothing, so late and doubled messages are harmless. */
export function copyStep(copy: Copy, event: CopyEvent, home: NodeId): Step {
  if (event.type === 'home-failed') return copy.at === 'none' ? { copy, effects: [] } : gone()
  if (event.type === 'message') return takeMessage(copy, event.from, event.message, home)
  if (event.type === 'recovered') return recover(copy, home)
  switch (copy.at) {
    case 'running':
      if (event.type === 'start') return begin({ at: 'asking', epoch: copy.epoch, to: event.to, attempt: event.attempt }, home)
      break
    case 'asking':
      if (event.type === 'timeout') return begin(copy, home)
      break
    case 'moving':
      if (event.type === 'dumped') return { copy, effects: [send(copy.to, { type: 'restore', next: copy.next })] }
      if (event.type === 'copy-failed') return withdraw(copy, home)
      break
    case 'committing':
    case 'withdrawing':
      if (event.type === 'timeout') return { copy, effects: askHome(copy, home) }
      break
    case 'receiving':
      if (event.type === 'stands') return { copy: { at: 'stopped', next: copy.next }, effects: [send(copy.source, { type: 'restored', next: copy.next })] }
      if (event.type === 'restore-failed') return { copy: { at: 'none' }, effects: [{ do: 'kill' }, send(copy.source, { type: 'failed', next: copy.next })] }
      break
    case 'stopped':
      if (event.type === 'timeout') return { copy, effects: askHome(copy, home) }
      break
    case 'none': break
  }
  return { copy, effects: [] }
}

function takeMessage(copy: Copy, from: NodeId, message: ToCopy, home: NodeId): Step {
  const same = { copy, effects: [] }
  switch (message.type) {
    case 'granted':
      if (copy.at === 'asking' && copy.epoch === message.epoch && copy.attempt === message.attempt) {
        return { copy: { at: 'moving', epoch: copy.epoch, next: message.next, to: copy.to }, effects: [send(copy.to, { type: 'offer', next: message.next }), { do: 'copy', to: copy.to, next: message.next }] }
      }
      return same
    case 'refused': return copy.at === 'asking' && copy.epoch === message.epoch && copy.attempt === message.attempt ? { copy: { at: 'running', epoch: copy.epoch }, effects: [] } : same
    case 'offer': return copy.at === 'none' ? { copy: { at: 'receiving', next: message.next, source: from }, effects: [] } : { copy, effects: isPart(copy, message.next) ? [] : [send(from, { type: 'failed', next: message.next })] }
    // The edge restores and tells of it with `stands` or `restore-failed`.
    case 'restore': return isPart(copy, message.next) ? same : { copy, effects: [send(from, { type: 'failed', next: message.next })] }
    case 'restored': return copy.at === 'moving' && copy.next === message.next ? commitNow({ ...copy, at: 'committing' }, home) : same
    case 'failed': return copy.at === 'moving' && copy.next === message.next ? withdraw(copy, home) : same
    case 'discard': return (copy.at === 'receiving' || copy.at === 'stopped') && copy.next === message.next ? gone() : same
    case 'withdrawn': return copy.at === 'withdrawing' && copy.next === message.next ? { copy: { at: 'running', epoch: copy.epoch }, effects: [] } : same
    case 'committed':
      if (copy.at === 'committing' && copy.next === message.next) return { ...gone(), effects: [send(copy.to, message), { do: 'kill' }] }
      return copy.at === 'stopped' && copy.next === message.next ? takeOver(copy.next) : same
    case 'aborted':
      if (copy.at === 'committing' && copy.next === message.next) return { copy: { at: 'running', epoch: copy.epoch }, effects: [{ do: 'resume' }, send(copy.to, { type: 'discard', next: copy.next })] }
      return copy.at === 'stopped' && copy.next === message.next ? gone() : same
    case 'check': return check(copy, message.epoch, home)
    case 'stale': return 'epoch' in copy && copy.epoch === message.epoch ? gone() : same
  }
}

/** Home names this node as the holder: say whether that is so. */
function check(copy: Copy, epoch: number, home: NodeId): Step {
  if (copy.at === 'stopped' && copy.next === epoch) return takeOver(epoch)
  const held = 'epoch' in copy && copy.epoch === epoch
  return { copy, effects: [send(home, held ? { type: 'hold', epoch } : { type: 'absent', epoch })] }
}

/** What the state asks for is done again; a copy that was under way is given up, since what copied it is gone with the old agent. */
function recover(copy: Copy, home: NodeId): Step {
  switch (copy.at) {
    case 'none': return { copy, effects: [{ do: 'kill' }] }
    case 'receiving': return { copy: { at: 'none' }, effects: [{ do: 'kill' }, send(copy.source, { type: 'failed', next: copy.next })] }
    case 'running': return { copy, effects: [{ do: 'run' }, { do: 'resume' }, send(home, { type: 'hold', epoch: copy.epoch })] }
    case 'asking': return { copy: { at: 'running', epoch: copy.epoch }, effects: [{ do: 'resume' }] }
    case 'moving': return withdraw(copy, home)
    case 'withdrawing': return { copy, effects: [{ do: 'resume' }, ...askHome(copy, home)] }
    case 'stopped':
    case 'committing': return { copy, effects: askHome(copy, home) }
  }
}

function begin(copy: Copy & { at: 'asking' }, home: NodeId): Step {
  return { copy, effects: [send(home, { type: 'begin', epoch: copy.epoch, to: copy.to, attempt: copy.attempt })] }
}

function askHome(copy: Copy & { at: 'stopped' | 'committing' | 'withdrawing' }, home: NodeId): Effect[] {
  if (copy.at === 'stopped') return [send(home, { type: 'ask', next: copy.next })]
  return [send(home, { type: copy.at === 'committing' ? 'commit' : 'withdraw', epoch: copy.epoch, next: copy.next })]
}

function commitNow(copy: Copy & { at: 'committing' }, home: NodeId): Step {
  return { copy, effects: askHome(copy, home) }
}

function withdraw({ epoch, next, to }: Copy & { at: 'moving' }, home: NodeId): Step {
  const copy = { at: 'withdrawing', epoch, next } as const
  return { copy, effects: [{ do: 'resume' }, send(to, { type: 'discard', next }), ...askHome(copy, home)] }
}

function takeOver(epoch: number): Step {
  return { copy: { at: 'running', epoch }, effects: [{ do: 'run' }] }
}

function gone(): Step {
  return { copy: { at: 'none' }, effects: [{ do: 'kill' }] }
}

function isPart(copy: Copy, next: number): boolean {
  return (copy.at === 'receiving' || copy.at === 'stopped') && copy.next === next
}

export function send(to: NodeId, message: Message): Effect {
  return { do: 'send', to, message }
}
