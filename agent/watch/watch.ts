import type { Duplex } from 'node:stream'
import type { Member, NodeId } from '../../schema/node-state.ts'
import { watchEventSchema, type WatchEvent } from '../../schema/watch.ts'
import type { ApiAnswers } from '../api/answers.ts'
import type { AgentContext, Capability } from '../capability.ts'
import { lineSplitter } from '../os/line-splitter.ts'
import type { Peers } from '../peers/peers.ts'
import { memberChanges } from './member-changes.ts'

const CHANNEL = 'watch'
/** Who watches a large cluster sees the moves to these many of its nodes. */
const NODES_LIMIT = 256
const WATCHERS_LIMIT = 64
const EVENT_LIMIT_BYTES = 4_096
/** What a watcher that reads too slowly may have waiting; then it loses events. */
const BACKLOG_LIMIT_BYTES = 256 * 1024
const RETRY_MS = 5_000

/** An event as whoever reports it knows it; the rest is added here. */
export type Happening = WatchEvent extends infer Event ? Event extends WatchEvent ? Omit<Event, 'time'> : never : never

export interface Watch extends Capability {
  tell(happening: Happening): void
  answers: Pick<ApiAnswers, 'watch'>
}

/** Passes on what happens on this node to those who watch, here or on other nodes; nothing is kept when nobody does. */
export function startWatch(context: AgentContext, peers: Peers): Watch {
  const watchers = new Set<(event: WatchEvent) => void>()
  const tell = (happening: Happening): void => {
    const event = { ...happening, time: new Date().toISOString() } as WatchEvent
    for (const watcher of watchers) watcher(event)
  }
  peers.serve(CHANNEL, (stream) => {
    if (watchers.size >= WATCHERS_LIMIT) return void stream.destroy()
    const watcher = (event: WatchEvent): void => {
      if (stream.writableLength < BACKLOG_LIMIT_BYTES) stream.write(`${JSON.stringify(event)}\n`)
    }
    watchers.add(watcher)
    stream.on('close', () => watchers.delete(watcher)).resume()
  })
  const unwatch = context.state.watch('pool', (now, before) => {
    const node = context.state.get('identity')?.id
    if (node !== undefined && now.state !== before.state) tell({ event: 'pool', node, state: now.state, why: now.why })
  })
  return {
    tell,
    answers: {
      async watch({ all }, send, ended) {
        const endMembers = context.state.watch('members', (now, before) => {
          for (const change of memberChanges(before, now)) send({ ...change, time: new Date().toISOString() })
        })
        watchers.add(send)
        const endOthers = all ? watchOthers(context, peers, send) : (): void => undefined
        await new Promise<void>((resolve) => {
          if (ended.aborted) resolve()
          ended.addEventListener('abort', () => resolve())
        })
        endMembers()
        endOthers()
        watchers.delete(send)
      },
    },
    stop: unwatch,
  }
}

/** Listens to all other members that are alive, those that come later included. */
function watchOthers({ state }: AgentContext, peers: Peers, send: (event: WatchEvent) => void): () => void {
  const open = new Map<NodeId, Duplex | undefined>()
  let stopped = false
  const follow = (members: readonly Member[]): void => {
    for (const { id, self, state: seen } of members) {
      if (stopped || self || seen !== 'alive' || open.has(id) || open.size >= NODES_LIMIT) continue
      open.set(id, undefined)
      peers.open(id, { channel: CHANNEL }).then((stream) => {
        open.set(id, stream)
        stream.on('close', () => open.delete(id))
        readEvents(stream, send)
        if (stopped) stream.destroy()
      }, () => open.delete(id))
    }
  }
  const timer = setInterval(() => follow(state.get('members')), RETRY_MS)
  follow(state.get('members'))
  return () => {
    stopped = true
    clearInterval(timer)
    for (const stream of open.values()) stream?.destroy()
  }
}

function readEvents(stream: Duplex, send: (event: WatchEvent) => void): void {
  const split = lineSplitter(EVENT_LIMIT_BYTES)
  stream.on('data', (piece: Buffer) => {
    const result = split(piece)
    if (result.state === 'too-long') return void stream.destroy()
    for (const line of result.lines) {
      const event = watchEventSchema.safeParse(asJson(line))
      if (event.success) send(event.data)
      else stream.destroy()
    }
  })
  stream.resume()
}

function asJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
