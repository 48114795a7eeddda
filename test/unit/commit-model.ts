import { copyStep, isToHome } from '../../agent/migration/commit-machine.ts'
import type { Copy, CopyEvent, Effect, Message } from '../../agent/migration/commit-machine.ts'
import { firstLog, homeStep, type HomeLog } from '../../agent/migration/epoch-log.ts'

/**
 * A small world for the commit protocol: one job, some nodes, a network that loses, delays and reorders, agents that crash between
 * any two effects and start again, nodes that die, failure detectors that may be wrong. The processes are kept apart from what the
 * nodes believe, so that a test can say what really runs.
 */

type Process = 'none' | 'running' | 'frozen' | 'stopped'

interface Node {
  dead: boolean
  /** The agent is down; its state is written down. */
  down: boolean
  copy: Copy
  process: Process
}

interface Packet {
  from: number
  to: number
  message: Message
}

export interface World {
  home: number
  nodes: readonly Node[]
  log: HomeLog
  /** Packets under way, each once; sending the same again adds nothing, and what is sent above the limit is lost. */
  network: readonly Packet[]
  networkLimit: number
  /** How many more of each may happen. */
  budget: Readonly<Record<'moves' | 'agentCrashes' | 'nodeCrashes' | 'suspicions', number>>
}

export type Action =
  | { act: 'deliver' | 'lose'; packet: Packet; crashAfter?: number }
  | { act: 'event'; node: number; event: CopyEvent; crashAfter?: number }
  | { act: 'kill-node' | 'crash-agent' | 'restart-agent'; node: number }
  /** `node` believes that `of` failed, whether or not. */
  | { act: 'suspect'; node: number; of: number }
  | { act: 'check' }

export function firstWorld(options: { nodes: number; home: number; holder: number; budget: World['budget']; networkLimit: number }): World {
  const nodes = Array.from({ length: options.nodes }, (_, index): Node => (
    index === options.holder
      ? { dead: false, down: false, copy: { at: 'running', epoch: 1 }, process: 'running' }
      : { dead: false, down: false, copy: { at: 'none' }, process: 'none' }
  ))
  return { home: options.home, nodes, log: firstLog(options.holder), network: [], networkLimit: options.networkLimit, budget: options.budget }
}

/** Everything that can happen next. */
export function actionsOf(world: World): Action[] {
  const { budget } = world
  const up = world.nodes.flatMap((node, index) => (node.dead || node.down ? [] : [index]))
  const steps: Action[] = [
    ...world.network.flatMap((packet): Action[] => [{ act: 'deliver', packet }, { act: 'lose', packet }]),
    ...up.flatMap((node) => eventsOf(world, node).map((event): Action => ({ act: 'event', node, event }))),
    ...world.nodes.flatMap((node, index): Action[] => (node.down && !node.dead ? [{ act: 'restart-agent', node: index }] : [])),
  ]
  if (up.includes(world.home)) steps.push({ act: 'check' })
  if (budget.nodeCrashes > 0) steps.push(...world.nodes.flatMap((node, index): Action[] => (node.dead ? [] : [{ act: 'kill-node', node: index }])))
  for (const node of up) {
    for (const of of world.nodes.keys()) {
      const concerns = node === world.home || of === world.home
      if (of !== node && concerns && (world.nodes[of]?.dead || budget.suspicions > 0)) steps.push({ act: 'suspect', node, of })
    }
  }
  if (budget.agentCrashes === 0) return steps
  const crashes = up.map((node): Action => ({ act: 'crash-agent', node }))
  // Between two effects of one step; before the first is after the state was written.
  const between = steps.flatMap((step): Action[] => (
    step.act === 'deliver' || step.act === 'event' ? [0, 1, 2].slice(0, effectsOf(world, step).length).map((crashAfter) => ({ ...step, crashAfter })) : []
  ))
  return [...steps, ...crashes, ...between]
}

/** What a node may do without being told. */
function eventsOf(world: World, index: number): CopyEvent[] {
  const { copy } = nodeOf(world, index)
  switch (copy.at) {
    case 'running': return world.budget.moves > 0 ? [...world.nodes.keys()].filter((to) => to !== index).map((to) => ({ type: 'start', to, attempt: world.budget.moves })) : []
    case 'asking':
    case 'committing':
    case 'withdrawing':
    case 'stopped': return [{ type: 'timeout' }]
    case 'moving': return [{ type: 'dumped' }, { type: 'copy-failed' }]
    case 'receiving': return [{ type: 'restore-failed' }]
    case 'none': return []
  }
}

function effectsOf(world: World, action: Action): Effect[] {
  if (action.act === 'event') return copyStep(nodeOf(world, action.node).copy, action.event, world.home).effects
  if (action.act !== 'deliver') return []
  const { from, to, message } = action.packet
  if (isToHome(message)) return homeStep(world.log, { type: 'message', from, message }).effects
  return copyStep(nodeOf(world, to).copy, { type: 'message', from, message }, world.home).effects
}

export function apply(world: World, action: Action): World {
  switch (action.act) {
    case 'lose': return without(world, action.packet)
    case 'deliver': {
      const { to, from, message } = action.packet
      const node = nodeOf(world, to)
      const taken = without(world, action.packet)
      if (node.dead || node.down) return taken
      return isToHome(message) ? homeEvent(taken, { type: 'message', from, message }, action.crashAfter) : nodeEvent(taken, to, { type: 'message', from, message }, action.crashAfter)
    }
    case 'event': return nodeEvent(action.event.type === 'start' ? spend(world, 'moves') : world, action.node, action.event, action.crashAfter)
    case 'kill-node': return withNode(spend(world, 'nodeCrashes'), action.node, { dead: true, down: true, copy: { at: 'none' }, process: 'none' })
    case 'crash-agent': return withNode(spend(world, 'agentCrashes'), action.node, { ...nodeOf(world, action.node), down: true })
    case 'restart-agent': return nodeEvent(withNode(world, action.node, { ...nodeOf(world, action.node), down: false }), action.node, { type: 'recovered' }, undefined)
    case 'suspect': {
      const after = nodeOf(world, action.of).dead ? world : spend(world, 'suspicions')
      const told = action.node === world.home ? homeEvent(after, { type: 'node-failed', node: action.of }, undefined) : after
      return action.of === world.home ? nodeEvent(told, action.node, { type: 'home-failed' }, undefined) : told
    }
    case 'check': return homeEvent(world, { type: 'check' }, undefined)
  }
}

function homeEvent(world: World, event: Parameters<typeof homeStep>[1], crashAfter: number | undefined): World {
  const { log, effects } = homeStep(world.log, event)
  return carryOut({ ...world, log }, world.home, effects, crashAfter)
}

function nodeEvent(world: World, index: number, event: CopyEvent, crashAfter: number | undefined): World {
  const { copy, effects } = copyStep(nodeOf(world, index).copy, event, world.home)
  let after = withNode(world, index, { ...nodeOf(world, index), copy })
  // The edge freezes the job before it says that all is dumped, and restores it when it is told to.
  if (event.type === 'dumped' && nodeOf(after, index).process === 'running') after = withNode(after, index, { ...nodeOf(after, index), process: 'frozen' })
  if (event.type === 'message' && event.message.type === 'restore' && copy.at === 'receiving' && copy.next === event.message.next) {
    const stands = copyStep(copy, { type: 'stands' }, world.home)
    after = withNode(after, index, { ...nodeOf(after, index), copy: stands.copy, process: 'stopped' })
    return carryOut(after, index, stands.effects, crashAfter)
  }
  return carryOut(after, index, effects, crashAfter)
}

function carryOut(world: World, index: number, effects: readonly Effect[], crashAfter: number | undefined): World {
  const done = effects.slice(0, crashAfter ?? effects.length)
  const after = done.reduce((before, effect) => carryOutOne(before, index, effect), world)
  return crashAfter === undefined ? after : withNode(spend(after, 'agentCrashes'), index, { ...nodeOf(after, index), down: true })
}

function carryOutOne(world: World, index: number, effect: Effect): World {
  const node = nodeOf(world, index)
  const to = (process: Process): World => withNode(world, index, { ...node, process })
  switch (effect.do) {
    case 'send': {
      const packet = { from: index, to: effect.to, message: effect.message }
      const text = JSON.stringify(packet)
      if (world.network.length >= world.networkLimit || world.network.some((other) => JSON.stringify(other) === text)) return world
      return { ...world, network: [...world.network, packet].toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) }
    }
    case 'copy': return world
    case 'resume': return node.process === 'frozen' ? to('running') : world
    case 'run': return node.process === 'stopped' ? to('running') : world
    case 'kill': return to('none')
  }
}

/** What must hold at every instant; undefined when it does. */
export function wrongNow(world: World): string | undefined {
  const running = world.nodes.flatMap(({ process }, index) => (process === 'running' ? [index] : []))
  if (running.length > 1) return `${running.join(' and ')} both run it`
  if (world.log.epoch >= world.log.nextEpoch) return 'an epoch was used twice'
  return undefined
}

const SETTLE_ROUNDS_LIMIT = 50

/** Lets everything come to rest without further failures: packets arrive, agents start again, what is dead is noticed. */
export function settle(world: World): World {
  let now: World = { ...world, networkLimit: Infinity, budget: { moves: 0, agentCrashes: 0, nodeCrashes: 0, suspicions: 0 } }
  for (let rounds = 0; rounds < SETTLE_ROUNDS_LIMIT; rounds++) {
    const before = key(now)
    now = fairRound(now)
    if (key(now) === before) return now
  }
  throw new Error(`it does not come to rest: ${JSON.stringify(now)}`)
}

/** Everybody once: what each would do by itself, and all packets. */
function fairRound(world: World): World {
  let now = world
  const homeDead = nodeOf(world, world.home).dead
  for (const [index, { dead, down }] of world.nodes.entries()) {
    if (dead) continue
    if (down) now = apply(now, { act: 'restart-agent', node: index })
    now = drain(now)
    const { copy } = nodeOf(now, index)
    if (homeDead) now = apply(now, { act: 'suspect', node: index, of: world.home })
    else if (copy.at === 'moving') now = apply(now, { act: 'event', node: index, event: { type: 'copy-failed' } })
    else if (copy.at === 'receiving') now = apply(now, { act: 'event', node: index, event: { type: 'restore-failed' } })
    else if (copy.at === 'running') now = carryOut(now, index, [{ do: 'send', to: world.home, message: { type: 'hold', epoch: copy.epoch } }], undefined)
    else if (copy.at !== 'none') now = apply(now, { act: 'event', node: index, event: { type: 'timeout' } })
    now = drain(now)
  }
  if (homeDead) return now
  for (const [index, { dead }] of world.nodes.entries()) if (dead) now = apply(now, { act: 'suspect', node: world.home, of: index })
  return drain(apply(now, { act: 'check' }))
}

function drain(world: World): World {
  let now = world
  for (let [packet] = now.network; packet; [packet] = now.network) now = apply(now, { act: 'deliver', packet })
  return now
}

/** What must hold of a world at rest; undefined when it does. */
export function wrongAtRest(world: World): string | undefined {
  const { log } = world
  const live = world.nodes.flatMap(({ process }, index) => (process === 'none' ? [] : [index]))
  if (nodeOf(world, world.home).dead) return live.length === 0 ? undefined : `home is dead and ${live.join()} still has a copy`
  if (log.lost !== undefined) return live.length === 0 ? undefined : `home says lost and ${live.join()} still has a copy`
  if (live.length !== 1 || live[0] !== log.holder) return `home says ${log.holder} holds it; copies are at ${live.join() || 'no node'}`
  const { process, copy } = nodeOf(world, log.holder)
  return process === 'running' && copy.at === 'running' && copy.epoch === log.epoch ? undefined : `the holder's copy is ${process}, ${JSON.stringify(copy)}`
}

export function key(world: World): string {
  return JSON.stringify(world)
}

function nodeOf(world: World, index: number): Node {
  const node = world.nodes[index]
  if (!node) throw new Error(`no node ${index}`)
  return node
}

function withNode(world: World, index: number, node: Node): World {
  return { ...world, nodes: world.nodes.with(index, node) }
}

function without(world: World, packet: Packet): World {
  return { ...world, network: world.network.filter((other) => other !== packet) }
}

function spend(world: World, what: keyof World['budget']): World {
  return { ...world, budget: { ...world.budget, [what]: world.budget[what] - 1 } }
}
