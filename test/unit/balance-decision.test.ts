import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Backoff } from '../../agent/balance/backoff.ts'
import { Balancer } from '../../agent/balance/balancer.ts'
import { newsOf } from '../../agent/balance/gossip-table.ts'
import { costScale, marginalCost, paceOf, processSpeed, savedCost } from '../../agent/balance/cost.ts'
import { decide, mayGain, netSaving } from '../../agent/balance/decide.ts'
import { hasRoom } from '../../agent/balance/eligibility.ts'
import { explain } from '../../agent/balance/explain.ts'
import { MoveFigures } from '../../agent/balance/move-figures.ts'
import { bestNode, mayStartAway, placeNewJob } from '../../agent/balance/place.ts'
import { RESERVATION_MS, Reservations } from '../../agent/balance/reservations.ts'
import type { ReservationRequest } from '../../agent/balance/reservations.ts'
import { decisionInputSchema } from '../../schema/decision.ts'
import type { DecisionInput, StayReason } from '../../schema/decision.ts'
import { input, job, seen } from './balance-helpers.ts'

const jobs = (count: number): ReturnType<typeof job>[] => Array.from({ length: count }, (_, index) => job(`j${index}`))
const idle = [seen(2), seen(3)]

/** Why the only job stays. */
function why(view: DecisionInput): StayReason | 'moves' {
  const [judgement] = decide(view).judgements
  return judgement?.verdict === 'stays' ? judgement.why : 'moves'
}

describe('the cost of a node', () => {
  test('is that of the paper: an exponential of each resource\'s use', () => {
    const node = { load: 2, cpus: 1, speed: 10_000, memoryTotalKiB: 1_000, memoryFreeKiB: 500 }
    const cost = 32 ** (3 / 4) - 32 ** (2 / 4) + 32 ** (0.6) - 32 ** (0.5)
    expect(marginalCost(costScale(3, 2), node, { runnable: 1, rssKiB: 100 })).toBeCloseTo(cost)
  })

  test('L is the smallest power of two above the largest load, B the number of nodes from 32 to 64', () => {
    expect([0, 0.5, 1, 3.9, 4, 9].map((load) => costScale(10, load).L)).toEqual([1, 1, 2, 4, 8, 16])
    expect([3, 40, 10_000].map((nodes) => Math.round(Math.exp(costScale(nodes, 1).lnB)))).toEqual([32, 40, 64])
  })

  test('what a job saves where it goes is what it would cost to come back', () => {
    const node = { load: 3, cpus: 2, speed: 12_000, memoryTotalKiB: 1_000, memoryFreeKiB: 300 }
    const without = { ...node, load: 3 - 1 / 2.4, memoryFreeKiB: 400 }
    const demand = { runnable: 1, rssKiB: 100 }
    expect(savedCost(costScale(10, 3), node, demand)).toBeCloseTo(marginalCost(costScale(10, 3), without, demand))
  })

  test('a free CPU beside its own makes no process faster', () => {
    expect(processSpeed({ speed: 20_000 }, 0.5)).toBe(2)
    expect(processSpeed({ speed: 20_000 }, 2)).toBe(0.5)
  })
})

describe('the decision', () => {
  test('moves one job at most, from the crowded node to an idle one, with its figures', () => {
    const { move, judgements } = decide(input(jobs(6), idle))
    expect(move).toMatchObject({ cause: 'cpu', weighing: { loadHere: 6, loadHereAfter: 5, loadThere: 0, loadThereAfter: 1 } })
    expect(judgements.filter(({ verdict }) => verdict === 'move')).toHaveLength(1)
    expect(judgements.map((each) => each.job)).toEqual(['j0', 'j1', 'j2', 'j3', 'j4', 'j5'])
  })

  test('12 jobs on one of three nodes end 4, 4, 4 and stay', () => {
    const counts = [12, 0, 0]
    let moves = 0
    for (let round = 0; round < 60; round++) {
      for (const node of [0, 1, 2]) {
        const others = [0, 1, 2].filter((other) => other !== node).map((other) => seen(other + 1, { load: counts[other] ?? 0 }))
        const { move } = decide({ ...input(jobs(counts[node] ?? 0), others), node: node + 1, seed: round })
        if (move === undefined) continue
        moves++
        counts[node] = (counts[node] ?? 0) - 1
        counts[move.weighing.target - 1] = (counts[move.weighing.target - 1] ?? 0) + 1
      }
    }
    expect(counts).toEqual([4, 4, 4])
    expect(moves).toBe(8)
  })

  test('a node a third as fast ends with about a third of the jobs', () => {
    const speeds = [10_000, 10_000, 3_333]
    const counts = [14, 0, 0]
    const load = (node: number): number => (counts[node] ?? 0) * 10_000 / (speeds[node] ?? 1)
    for (let round = 0; round < 100; round++) {
      for (const node of [0, 1, 2]) {
        const others = [0, 1, 2].filter((other) => other !== node).map((other) => seen(other + 1, { load: load(other), speed: speeds[other] ?? 1 }))
        const view = input(jobs(counts[node] ?? 0), others)
        const { move } = decide({ ...view, node: node + 1, seed: round, own: { ...view.own, load: load(node), speed: speeds[node] ?? 1 } })
        if (move === undefined) continue
        counts[node] = (counts[node] ?? 0) - 1
        counts[move.weighing.target - 1] = (counts[move.weighing.target - 1] ?? 0) + 1
      }
    }
    expect(counts).toEqual([6, 6, 2])
  })

  test('the input is what the log can hold', () => {
    expect(decisionInputSchema.safeParse(input(jobs(2), idle)).success).toBe(true)
  })

  test.each<[StayReason, DecisionInput]>([
    ['quiet', input([job('a')], idle, { rules: { stay: false, lstay: false, quiet: true } })],
    ['stay', input([job('a')], idle, { rules: { stay: true, lstay: false, quiet: false } })],
    ['leaving', input([job('a')], idle, { leaving: 1 })],
    ['backoff', input([job('a')], idle, { backoffMs: 300 })],
    ['cantmove', input([job('a', { cantmove: 'it holds a device' })], idle)],
    ['locked', input([job('a', { locked: true })], idle)],
    ['resident', input([job('a', { residentMs: 9_999 })], idle)],
    ['resident', input([job('a', { residentMs: 15_000, lastFreezeMs: 2_000 })], idle)],
    ['idle', input([job('a', { runnable: 0.02 })], idle)],
    ['no-nodes', input([job('a')], [])],
    ['no-nodes', input([job('a')], [seen(2, { takes: false }), seen(3, { ageMs: 10_001 })])],
    ['no-nodes', input([job('a')], idle, { refused: [2, 3] })],
    ['no-target', input([job('a', { cpuClass: 8 })], idle)],
    ['no-target', input([job('a', { mask: { mode: 'never', nodes: [2, 3] } })], idle)],
    ['no-target', input([job('a', { rssKiB: 1.5 * 1024 * 1024 })], idle)],
    ['no-target', input([job('a', { cameFrom: 2, residentMs: 20_000 })], [seen(2)])],
    ['no-gain', input([job('a')], idle)],
  ])('a job stays: %s', (reason, view) => {
    expect(why(view)).toBe(reason)
  })

  test('lstay holds jobs whose home is here and lets guests go', () => {
    const view = input([job('own'), job('guest', { home: 9 }), job('third')], idle, { rules: { stay: false, lstay: true, quiet: false } })
    expect(decide(view).move?.job).toBe('guest')
  })

  test('a mask that allows one node is kept', () => {
    const view = input(jobs(4).map((each) => ({ ...each, mask: { mode: 'only' as const, nodes: [3] } })), idle)
    expect(decide(view).move?.weighing.target).toBe(3)
  })

  test('a guest may go home whatever its home\'s CPU is', () => {
    const view = input(jobs(4).map((each) => ({ ...each, home: 2, cpuClass: 99 })), idle)
    expect(decide(view).move?.weighing.target).toBe(2)
  })

  test('a slight difference is left alone: moving has its price', () => {
    expect(decide(input(jobs(4), [seen(2, { load: 3 }), seen(3, { load: 3 })])).move).toBeUndefined()
  })

  test('a young job does not pay for a long move', () => {
    const heavy = { rssKiB: 400 * 1024, ageMs: 10_500, residentMs: 10_500 }
    const slow = { transferKiBps: 20_000 }
    expect(why(input(jobs(3).map((each) => ({ ...each, ...heavy })), idle, slow))).toBe('not-worth-it')
    expect(decide(input(jobs(3).map((each) => ({ ...each, ...heavy, ageMs: 3_600_000 })), idle, slow)).move).toBeDefined()
  })

  test('memory comes before CPU: the smallest job that ends the shortage goes where there is room', () => {
    const view = input([job('tiny', { rssKiB: 5 * 1024 }), job('right', { rssKiB: 100 * 1024 }), job('large', { rssKiB: 700 * 1024 })], [seen(2, { load: 5 }), seen(3, { load: 1, memoryFreeKiB: 150 * 1024 })])
    const { move } = decide({ ...view, own: { ...view.own, memoryFreeKiB: 60 * 1024 } })
    expect(move).toMatchObject({ job: 'right', cause: 'memory', weighing: { target: 2 } })
  })

  test.each([{ swapOutKiBps: 5_000 }, { memoryStallShare: 0.3 }])('a node that swaps, or waits for memory, is short of it while less than a quarter is free: %o', (change) => {
    const view = input([job('a')], [seen(2, { load: 5 })])
    expect(decide({ ...view, own: { ...view.own, ...change, memoryFreeKiB: 400 * 1024 } }).move).toMatchObject({ cause: 'memory' })
    expect(decide({ ...view, own: { ...view.own, ...change } }).move).toBeUndefined()
  })

  test('a shortage is not passed on to nodes that have no room', () => {
    const view = input([job('a', { rssKiB: 300 * 1024 })], [seen(2, { memoryFreeKiB: 310 * 1024 })])
    expect(decide({ ...view, own: { ...view.own, memoryFreeKiB: 10 * 1024 } }).move).toBeUndefined()
  })

  test('whatever the figures: at most one move, only to a node that takes guests and has room, only of a job that may go, and the same again', () => {
    const node = fc.record({ load: fc.double({ min: 0, max: 40, noNaN: true }), speed: fc.integer({ min: 100, max: 50_000 }), cpus: fc.integer({ min: 1, max: 8 }), takes: fc.boolean(), ageMs: fc.integer({ min: 0, max: 15_000 }), memoryFreeKiB: fc.integer({ min: 0, max: 2_000_000 }) })
    const each = fc.record({ rssKiB: fc.integer({ min: 0, max: 1_000_000 }), residentMs: fc.integer({ min: 0, max: 60_000 }), locked: fc.boolean(), home: fc.integer({ min: 1, max: 5 }) })
    fc.assert(fc.property(fc.array(node, { maxLength: 8 }), fc.array(each, { maxLength: 8 }), fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: 0, max: 1_000_000 }), (nodes, held, seed, free) => {
      const view = input(held.map((changes, index) => job(`j${index}`, changes)), nodes.map((changes, index) => seen(index + 2, changes)), { seed })
      const full = { ...view, own: { ...view.own, memoryFreeKiB: free } }
      const decision = decide(full)
      expect(decide(full)).toEqual(decision)
      expect(decision.judgements.map((judgement) => judgement.job)).toEqual(full.jobs.map(({ id }) => id))
      const { move } = decision
      if (move === undefined) return
      const moved = full.jobs.find(({ id }) => id === move.job)
      const row = full.nodes.findIndex(({ id }) => id === move.weighing.target)
      const target = full.nodes[row]
      if (moved === undefined || target === undefined) throw new Error('a move of nothing or to nowhere')
      expect(moved.locked).toBe(false)
      expect(moved.residentMs).toBeGreaterThanOrEqual(10_000)
      expect(target.takes && Number(full.agesMs[row]) <= 10_000 && hasRoom(target, moved.rssKiB)).toBe(true)
      if (move.cause === 'cpu') expect(netSaving(move.weighing)).toBeGreaterThan(0)
    }))
  })
})

test('whatever the figures: where the best pace promises nothing, no job moves or starts elsewhere', () => {
  const node = fc.record({ load: fc.double({ min: 0, max: 4, noNaN: true }), speed: fc.integer({ min: 5_000, max: 20_000 }), cpus: fc.integer({ min: 1, max: 4 }), takes: fc.boolean() })
  const own = fc.record({ load: fc.double({ min: 0, max: 4, noNaN: true }), memoryFreeKiB: fc.integer({ min: 0, max: 2_000_000 }), speed: fc.integer({ min: 5_000, max: 20_000 }) })
  fc.assert(fc.property(fc.array(node, { maxLength: 4 }), own, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 1_000_000 }), (nodes, changes, runnable, rssKiB) => {
    const view = input([job('a', { rssKiB, runnable })], nodes.map((figures, index) => seen(index + 2, figures)))
    const full = { ...view, own: { ...view.own, ...changes } }
    const bestPace = Math.max(0, ...full.nodes.map(paceOf))
    if (!mayGain(full.own, bestPace)) expect(decide(full).move).toBeUndefined()
    if (!mayStartAway(full.own, { rssKiB }, bestPace)) expect(placeNewJob({ ...full, jobs: [] }, { rssKiB, cpuClass: 7 })).toBeUndefined()
  }), { numRuns: 1_000 })
})

describe('sentences', () => {
  test('tell the figures of a move', () => {
    const { move } = decide(input(jobs(3), [seen(2, { load: 0.3 })]))
    expect(move && explain(move, 1)).toBe('goes to 2: 1 would drop from 3.0 to 2.0, 2 rise from 0.3 to 1.3; the move costs 1.6 s')
  })

  test('tell why a job stays', () => {
    const first = (view: DecisionInput): string => decide(view).judgements.map((each) => explain(each, 1))[0] ?? ''
    expect(first(input([job('a', { residentMs: 4_000 })], idle))).toBe('stays: it has not been here long enough, for another 6.0 s')
    expect(first(input([job('a', { cantmove: 'it holds a device' })], idle))).toBe('stays: it cannot be moved: it holds a device')
    expect(first(input(jobs(3), [seen(2, { load: 1.8 })]))).toMatch(/^stays: the best place is not enough better: 1 would drop from 3\.0 to 2\.0, 2 rise from 1\.8 to 2\.8; the move costs 1\.6 s; that saves/)
  })
})

describe('a new job', () => {
  const unknown = { rssKiB: 64 * 1024, cpuClass: 7 }

  test('starts at home while it would run as fast there', () => {
    expect(placeNewJob(input([], idle), unknown)).toBeUndefined()
  })

  test('starts where it runs faster when this node is busy', () => {
    const view = input([], [seen(2, { load: 3 }), seen(3, { load: 0.2 })])
    expect(placeNewJob({ ...view, own: { ...view.own, load: 2 } }, unknown)?.id).toBe(3)
  })

  test('starts away when there is no room here', () => {
    const view = input([], idle)
    expect(placeNewJob({ ...view, own: { ...view.own, memoryFreeKiB: 10 * 1024 } }, unknown)).toBeDefined()
  })
})

describe('the best node for a job that somebody wants away', () => {
  test('is the one where it costs least, though it gains nothing there, and though it came from there', () => {
    const guest = job('a', { cameFrom: 2, residentMs: 0 })
    expect(bestNode(input([guest], [seen(2, { load: 3 }), seen(3, { load: 4 })]), guest)?.id).toBe(2)
  })

  test('is none that takes no guests, has no room, or is not allowed', () => {
    const guest = job('a', { mask: { mode: 'never', nodes: [4] } })
    expect(bestNode(input([guest], [seen(2, { takes: false }), seen(3, { memoryFreeKiB: 60 * 1024 }), seen(4)]), guest)).toBeUndefined()
  })
})

describe('reservations', () => {
  const host = { load: 1, memoryTotalKiB: 1_000_000, memoryFreeKiB: 800_000, takes: true, arriving: false }
  const request: ReservationRequest = { job: 'a', from: 2, kind: 'move', load: 1, rssKiB: 100_000, assumedLoad: 1, forMemory: false }

  test('one job moves in at a time; the place is free again when its time is over', () => {
    const book = new Reservations()
    expect(book.ask(request, host, 0)).toEqual({ granted: true })
    expect(book.ask({ ...request, job: 'b', from: 3, assumedLoad: 5 }, host, 1_000)).toMatchObject({ granted: false, why: 'another job is arriving there' })
    expect(book.held(1_000)).toEqual({ load: 1, rssKiB: 100_000, jobs: 1 })
    expect(book.held(RESERVATION_MS)).toEqual({ load: 0, rssKiB: 0, jobs: 0 })
    expect(book.ask({ ...request, job: 'b' }, host, RESERVATION_MS)).toEqual({ granted: true })
  })

  test('a move that goes on keeps its place', () => {
    const book = new Reservations()
    book.ask(request, host, 0)
    book.renew('a', 4_000)
    expect(book.held(8_000).jobs).toBe(1)
    book.release('a')
    expect(book.held(8_000).jobs).toBe(0)
  })

  test.each([
    ['it takes no guests', { takes: false }, {}],
    ['another job is arriving there', { arriving: true }, {}],
    ['it has no room for 98 MiB', { memoryFreeKiB: 150_000 }, {}],
    ['its load is 2.0 by now, not 1.0', { load: 2 }, {}],
  ])('refuses: %s', (why, hostChange, requestChange) => {
    expect(new Reservations().ask({ ...request, ...requestChange }, { ...host, ...hostChange }, 0)).toMatchObject({ granted: false, why })
  })

  test('a node that needs memory is not refused for load', () => {
    expect(new Reservations().ask({ ...request, forMemory: true }, { ...host, load: 9 }, 0)).toEqual({ granted: true })
  })

  test('jobs that start count from the moment they are promised a place', () => {
    const book = new Reservations()
    expect(book.ask({ ...request, kind: 'start' }, host, 0)).toEqual({ granted: true })
    expect(book.ask({ ...request, kind: 'start', job: 'b' }, host, 0)).toMatchObject({ granted: false, load: 2 })
  })
})

describe('after a refusal', () => {
  test('a node waits for a random time, longer each time, and leaves the refuser alone for 5 s', () => {
    const backoff = new Backoff(() => 0.5)
    backoff.refused(2, 0)
    expect(backoff.waitMs(0)).toBe(250)
    expect(backoff.avoided(4_999)).toEqual([2])
    expect(backoff.avoided(5_000)).toEqual([])
    backoff.refused(3, 5_000)
    expect(backoff.waitMs(5_000)).toBe(500)
    backoff.succeeded()
    backoff.refused(3, 9_000)
    expect(backoff.waitMs(9_000)).toBe(250)
  })

  test('one to which a move failed is left alone for a minute', () => {
    const backoff = new Backoff(() => 0)
    backoff.failed(2, 0)
    expect(backoff.avoided(59_999)).toEqual([2])
  })
})

test('what moves cost is learned from the moves', () => {
  const figures = new MoveFigures()
  for (let move = 0; move < 40; move++) {
    figures.note({ rssKiB: 4_000, tookMs: 3_000 })
    figures.note({ rssKiB: 200_000, tookMs: 13_000 })
  }
  expect(figures.overheadMs).toBeGreaterThan(2_500)
  expect(figures.transferKiBps).toBeLessThan(25_000)
})

test('a job on its way counts at its target at once, on both sides', () => {
  const balancer = new Balancer(1, () => 0)
  const sample = { cpus: 1, speed: 10_000, runnable: 6, jobs: 6, memoryTotalKiB: 2_000_000, memoryFreeKiB: 1_000_000, swapOutKiBps: 0, memoryStallShare: 0, utilisation: 100, gives: true, takes: true, cpuClass: 7 }
  for (let second = 0; second < 20; second++) balancer.measured(sample)
  const { ageMs: _, ...own } = seen(2)
  balancer.heard({ own, sentMs: 0, news: newsOf([]) }, 20_000)
  const view = balancer.input(jobs(6), { stay: false, lstay: false, quiet: false }, 2, 20_000)
  const move = view && balancer.decide(view).move
  if (move === undefined) throw new Error('no move')
  balancer.leaves(move)
  expect(balancer.seen(20_000)).toMatchObject([{ id: 2, load: 1, jobs: 1 }])
  expect(balancer.input(jobs(6), { stay: false, lstay: false, quiet: false }, 2, 20_000)?.leaving).toBe(1)
  expect(balancer.asked({ job: 'x', from: 2, kind: 'move', load: 1, rssKiB: 1_000, assumedLoad: 6, forMemory: false }, { runnable: 6, memoryFreeKiB: 1_000_000 }, 20_000)).toEqual({ granted: true })
  expect(balancer.ownEntry(20_000)).toMatchObject({ load: 7, jobs: 7 })
})
