import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { copyStep, type ToHome } from '../../agent/migration/commit-machine.ts'
import { firstLog, homeStep, type HomeLog } from '../../agent/migration/epoch-log.ts'
import { actionsOf, apply, firstWorld, key, settle, wrongAtRest, wrongNow, type Action, type World } from './commit-model.ts'

const QUIET = { moves: 1, agentCrashes: 0, nodeCrashes: 0, suspicions: 0 }
/** Packets under way at the same time, where every order is tried. */
const PACKETS_LIMIT = 2
/** Who is home: the source (0), the target (1) or neither (2). */
const HOMES = [['the source', 0], ['the target', 1], ['a third node', 2]] as const

/** Visits every world that can be reached; throws with the way there when one is wrong. Gives how many there are. */
function explore(first: World): number {
  const seen = new Map<string, { world: World; from?: string; by?: Action }>([[key(first), { world: first }]])
  const waiting = [first]
  const wayTo = (at: string): Action[] => {
    const entry = seen.get(at)
    return entry?.from === undefined || entry.by === undefined ? [] : [...wayTo(entry.from), entry.by]
  }
  const rests = new Map<string, string | undefined>()
  for (let world = waiting.pop(); world; world = waiting.pop()) {
    const at = key(world)
    const restKey = key({ ...world, budget: QUIET })
    if (!rests.has(restKey)) rests.set(restKey, wrongNow(world) ?? wrongAtRest(settle(world)))
    const wrong = rests.get(restKey)
    if (wrong !== undefined) throw new Error(`${wrong}\n${wayTo(at).map((action) => JSON.stringify(action)).join('\n')}`)
    for (const action of actionsOf(world)) {
      const next = apply(world, action)
      const nextKey = key(next)
      if (seen.has(nextKey)) continue
      seen.set(nextKey, { world: next, from: at, by: action })
      waiting.push(next)
    }
  }
  return seen.size
}

describe.each(HOMES)('a move whose home is %s, in every order of events', (_, home) => {
  const world = (budget: Partial<World['budget']>): World => firstWorld({ nodes: home === 2 ? 3 : 2, home, holder: 0, budget: { ...QUIET, ...budget }, networkLimit: PACKETS_LIMIT })

  test('with any message lost or late', () => expect(explore(world({}))).toBeGreaterThan(20))
  test('and one crash of an agent between any two effects', () => expect(explore(world({ agentCrashes: 1 }))).toBeGreaterThan(100))
  test('and one node that dies', () => expect(explore(world({ nodeCrashes: 1 }))).toBeGreaterThan(50))
  test('and one failure detector that is wrong', () => expect(explore(world({ suspicions: 1 }))).toBeGreaterThan(50))
})

test('two moves in a row with any message lost or late', () => {
  expect(explore(firstWorld({ nodes: 2, home: 0, holder: 0, budget: { ...QUIET, moves: 2 }, networkLimit: PACKETS_LIMIT }))).toBeGreaterThan(100)
})

test('many moves among four nodes with crashes, deaths and wrong suspicions', () => {
  const budget = { moves: 5, agentCrashes: 3, nodeCrashes: 1, suspicions: 2 }
  fc.assert(fc.property(fc.integer({ min: 0, max: 3 }), fc.array(fc.nat(), { minLength: 20, maxLength: 120 }), (home, choices) => {
    let world = firstWorld({ nodes: 4, home, holder: 0, budget, networkLimit: Infinity })
    for (const choice of choices) {
      const actions = actionsOf(world)
      const action = actions[choice % actions.length]
      if (!action) break
      world = apply(world, action)
      expect(wrongNow(world)).toBeUndefined()
    }
    expect(wrongAtRest(settle(world))).toBeUndefined()
  }), { numRuns: 300 })
})

test('a move that nothing disturbs ends at the target, under the next number', () => {
  const moved = settle(apply(firstWorld({ nodes: 2, home: 0, holder: 0, budget: QUIET, networkLimit: Infinity }), { act: 'event', node: 0, event: { type: 'start', to: 1, attempt: 1 } }))
  // Settling gives up a copy that nobody completes: the job stays where it was.
  expect(moved.log).toMatchObject({ holder: 0, epoch: 1, nextEpoch: 3 })
  const log = homeStep({ ...firstLog(0), nextEpoch: 3, move: { next: 2, to: 1 } }, { type: 'message', from: 0, message: { type: 'commit', epoch: 1, next: 2 } })
  expect(log.log).toEqual({ epoch: 2, holder: 1, nextEpoch: 3 })
})

test('home refuses a move to where the job is, and one asked for by a node that does not hold it', () => {
  const log = firstLog(7)
  expect(homeStep(log, { type: 'message', from: 7, message: { type: 'begin', epoch: 1, to: 7, attempt: 1 } }).effects).toEqual([{ do: 'send', to: 7, message: { type: 'refused', epoch: 1, attempt: 1 } }])
  expect(homeStep(log, { type: 'message', from: 8, message: { type: 'begin', epoch: 1, to: 9, attempt: 1 } }).effects).toEqual([{ do: 'send', to: 8, message: { type: 'stale', epoch: 1 } }])
})

test('a source in doubt does not resume until home has spoken', () => {
  const doubt = { at: 'committing', epoch: 1, next: 2, to: 1 } as const
  for (const event of [{ type: 'timeout' }, { type: 'copy-failed' }, { type: 'recovered' }] as const) {
    const { copy, effects } = copyStep(doubt, event, 0)
    expect(copy).toEqual(doubt)
    expect(effects.every((effect) => effect.do === 'send' && effect.to === 0)).toBe(true)
  }
})

describe('a target that lost its copy takes the move back', () => {
  const moving = { ...firstLog(1), nextEpoch: 3, attempt: 7, move: { next: 2, to: 5 } }
  const say = (log: HomeLog, from: number, message: ToHome): ReturnType<typeof homeStep> => homeStep(log, { type: 'message', from, message })

  test('before the commit: the source goes on', () => {
    const { log } = say(moving, 5, { type: 'withdraw', epoch: 2, next: 2 })
    const unchanged = say(log, 5, { type: 'absent', epoch: 2 }).log
    expect(say(unchanged, 1, { type: 'commit', epoch: 1, next: 2 })).toMatchObject({ log: { holder: 1, epoch: 1 }, effects: [{ do: 'send', to: 1, message: { type: 'aborted', next: 2 } }] })
  })
  test('after the commit: home knows that the job is lost', () => {
    const { log } = say(moving, 1, { type: 'commit', epoch: 1, next: 2 })
    const { log: held } = say(log, 5, { type: 'withdraw', epoch: 2, next: 2 })
    expect(held).toMatchObject({ holder: 5, epoch: 2 })
    expect(say(held, 5, { type: 'absent', epoch: 2 }).log.lost).toMatch(/node 5/)
  })
})
