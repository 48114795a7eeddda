import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { cpuClassOf } from '../../agent/balance/cpu-class.ts'
import { Balancer } from '../../agent/balance/balancer.ts'
import { DecisionLog } from '../../agent/balance/decision-log.ts'
import { readRecords, replay } from '../../agent/balance/decision-records.ts'
import { decide } from '../../agent/balance/decide.ts'
import { HeldJobs } from '../../agent/balance/held-jobs.ts'
import type { HeldJob } from '../../agent/balance/held-jobs.ts'
import { newsOf } from '../../agent/balance/gossip-table.ts'
import { LastKnown } from '../../agent/balance/last-known.ts'
import { parseCpuTicks, parseGroupRssKiB, parseProcessState, parseStalledUs } from '../../agent/balance/proc-load.ts'
import { Sampler } from '../../agent/balance/sampler.ts'
import { heldJob } from '../../agent/balance/job-mover.ts'
import { whatFailed } from '../../agent/balance/move-failure.ts'
import { NodeError } from '../../agent/api/node-error.ts'
import { measureSpeed, speedFrom } from '../../agent/balance/speed.ts'
import { barChart } from '../../agent/cli/bar-chart.ts'
import { afterKey, screen, sizeOf } from '../../agent/cli/mosmon.ts'
import { nodeRows } from '../../agent/cli/nodes.ts'
import { nodeRowSchema } from '../../schema/balance-api.ts'
import type { NodeRow } from '../../schema/balance-api.ts'
import { decisionInputSchema, decisionRecordSchema } from '../../schema/decision.ts'
import { member, scratchFolder } from './api-helpers.ts'
import { entry, input, job, seen } from './balance-helpers.ts'

describe('the kernel\'s figures', () => {
  test('busy and all CPU time; waiting for a disk is idle', () => {
    expect(parseCpuTicks('cpu  10 1 5 100 20 2 3 7 0 0\ncpu0 1 1 1 1\n')).toEqual({ busy: 21, total: 141 })
  })

  test('pressure, memory that goes along, and what is not there', () => {
    expect(parseStalledUs('some avg10=0.00 avg60=0.00 avg300=0.00 total=51234\nfull avg10=0.00 total=3\n')).toBe(51_234)
    expect(parseStalledUs('')).toBe(0)
    expect(parseGroupRssKiB('anon 2097152\nfile 99999744\nshmem 1048576\n')).toBe(3_072)
  })

  test('the state of a process whose name has brackets and blanks', () => {
    expect(parseProcessState('7 (a) R (b) S 1 7 7 0 -1 4194560 1 0 0 0 3 4 0 0 20 0 12 0 5')).toEqual({ runnable: false, threads: 12 })
    expect(parseProcessState('7 (awk) R 1 7 7 0 -1 4194560 1 0 0 0 3 4 0 0 20 0 1 0 5')).toEqual({ runnable: true, threads: 1 })
  })

  test('a look at a node: runnable processes of jobs, the rest by its CPU time, memory and swapping by the second', () => {
    const folder = scratchFolder()
    const write = (name: string, text: string): void => {
      mkdirSync(join(folder, name, '..'), { recursive: true })
      writeFileSync(join(folder, name), text)
    }
    const group = { id: 'a', cgroup: join(folder, 'group') }
    write('meminfo', 'MemTotal:        500000 kB\nMemFree: 100000 kB\nMemAvailable:     400000 kB\n')
    write('pressure/memory', 'some avg10=0.00 total=0\n')
    write('stat', 'cpu  0 0 0 0 0 0 0\n')
    write('vmstat', 'pswpout 10\n')
    write('group/cpu.stat', 'usage_usec 0\n')
    write('group/memory.stat', 'anon 4096\nshmem 0\n')
    write('group/cgroup.procs', '7\n8\n')
    write('7/stat', '7 (awk) R 1 7 7 0 -1 0 1 0 0 0 3 4 0 0 20 0 1 0 5')
    write('8/stat', '8 (sh) S 1 7 7 0 -1 0 1 0 0 0 3 4 0 0 20 0 1 0 5')
    const sampler = new Sampler(folder)
    sampler.look([group], 0)
    write('stat', 'cpu  50 0 0 50 0 0 0\n')
    write('vmstat', 'pswpout 35\n')
    write('pressure/memory', 'some avg10=0.00 total=1000000\n')
    write('group/cpu.stat', 'usage_usec 400000\n')
    const figures = sampler.look([group], 2_000)
    expect(figures.jobs.get('a')).toEqual({ runnable: 1, cpusUsed: 0.2, rssKiB: 4 })
    expect(figures).toMatchObject({ utilisation: 50, memoryTotalKiB: 500_000, memoryFreeKiB: 400_000 - 132 * 1024, swapOutKiBps: 50, memoryStallShare: 0.5 })
    expect(figures.runnable).toBeCloseTo(1 + 0.5 * figures.cpus - 0.2)
  })

  test('of many jobs on a slow computer, those come first that were looked at longest ago', () => {
    const folder = scratchFolder()
    const jobs = Array.from({ length: 20 }, (_, number) => ({ id: `job-${number}`, cgroup: join(folder, `${number}`) }))
    const haveUsed = (us: number): void => {
      for (const { cgroup } of jobs) {
        mkdirSync(cgroup, { recursive: true })
        writeFileSync(join(cgroup, 'cpu.stat'), `usage_usec ${us}\n`)
      }
    }
    haveUsed(0)
    let usedMs = 0
    const sampler = new Sampler(folder, () => usedMs += 10)
    sampler.look(jobs, 0)
    haveUsed(500_000)
    const whose = (nowMs: number): string[] => [...sampler.look(jobs, nowMs).jobs].flatMap(([id, { cpusUsed }]) => (cpusUsed > 0 ? [id] : []))
    expect(whose(1_000)).toEqual(jobs.slice(0, 9).map(({ id }) => id))
    expect(whose(2_000)).toEqual(jobs.slice(0, 18).map(({ id }) => id))
    expect(sampler.look(jobs, 3_000).jobs.get('job-19')?.cpusUsed).toBeCloseTo(0.5 / 3)
  })

  test('CPUs with the same flags are of one class, in whatever order they stand', () => {
    expect(cpuClassOf('flags\t\t: fpu sse avx\n')).toBe(cpuClassOf('flags : avx fpu sse\nflags : x\n'))
    expect(cpuClassOf('flags : avx fpu\n')).not.toBe(cpuClassOf('flags : fpu\n'))
  })
})

describe('the speed of a CPU', () => {
  test('is that of its quickest piece of work, in two digits', async () => {
    let nowMs = 0
    let call = 0
    const speed = await measureSpeed({ nowMs: () => (call++ % 2 === 0 ? nowMs : (nowMs += call < 20 ? 9 : 2.02)), pause: () => Promise.resolve() })
    expect(speed).toBe(5_000)
  })

  test.each([[1, 10_000], [0.31, 32_000], [23.7, 420], [1e9, 1]])('%d ms a piece is %d', (pieceMs, speed) => {
    expect(speedFrom(pieceMs)).toBe(speed)
  })
})

describe('jobs on this node', () => {
  const held: HeldJob = { id: 'a', home: 1, cgroup: '/x', startedMs: 0, locked: false, kind: 'mixed', decay: 'own' }
  const busy = new Map([['a', { runnable: 1, cpusUsed: 0.5, rssKiB: 100 }]])

  test('have been here since they were first seen, and are at least as old', () => {
    const jobs = new HeldJobs()
    jobs.measured([held], busy, 1_000, 1)
    expect(jobs.view([held], 7, 6_000, 2_000)).toMatchObject([{ id: 'a', runnable: 1, rssKiB: 100, residentMs: 5_000, ageMs: 5_000, cpuClass: 7 }])
    expect(jobs.view([held], 7, 6_000, 90_000)).toMatchObject([{ ageMs: 90_000 }])
  })

  test('that came by a move remember from where, whichever is told first', () => {
    const jobs = new HeldJobs()
    jobs.arrived('a', 5, 700)
    jobs.measured([held], busy, 0, 1)
    expect(jobs.view([held], 7, 0, 0)).toMatchObject([{ cameFrom: 5, lastFreezeMs: 700 }])
    jobs.arrived('a', 6, 300)
    expect(jobs.view([held], 7, 0, 0)).toMatchObject([{ cameFrom: 6, lastFreezeMs: 300 }])
  })

  test('that a move showed to be immovable are left alone for a while', () => {
    const jobs = new HeldJobs()
    jobs.measured([held], busy, 0, 1)
    jobs.cannotMove('a', 'tcp: it is connected', 1_000)
    jobs.measured([held], busy, 2_000, 1)
    expect(jobs.view([held], 7, 2_000, 0)).toMatchObject([{ cantmove: 'tcp: it is connected' }])
    expect(jobs.view([held], 7, 301_000, 0)[0]?.cantmove).toBeUndefined()
  })

  test('have the hints, the lock and the mask they were started with', () => {
    const told = { id: '0adc-1', home: 2780, started: '1970-01-01T00:00:05.000Z', lock: 'none', mask: { rule: 'any' }, hints: {} } as const
    expect(heldJob(told, '/x')).toEqual({ id: '0adc-1', home: 2780, cgroup: '/x', startedMs: 5_000, locked: false, kind: 'mixed', decay: 'own' })
    expect(heldJob({ ...told, lock: 'here', mask: { rule: 'deny', nodes: [5] }, hints: { kind: 'io', decay: 'slow' }, cantmove: { code: 'tcp', sentence: 'is connected' } }, '/x'))
      .toMatchObject({ locked: true, mask: { mode: 'never', nodes: [5] }, kind: 'io', decay: 'slow', cantmove: 'is connected' })
  })

  test('hints change what is decided: a CPU job that rests now goes, an I/O job that seldom computes stays, a slow past outweighs the last minute', () => {
    const resting = new Map([['a', { runnable: 0, cpusUsed: 0, rssKiB: 100 }]])
    const waiting = new Map([['a', { runnable: 1, cpusUsed: 0.05, rssKiB: 100 }]])
    const loadAfter = (job: HeldJob, figures: readonly (readonly [number, ReadonlyMap<string, { runnable: number; cpusUsed: number; rssKiB: number }>])[]): number => {
      const jobs = new HeldJobs()
      let nowMs = 0
      for (const [seconds, look] of figures) for (let second = 0; second < seconds; second++) jobs.measured([job], look, nowMs += 1_000, 1)
      return jobs.view([job], 7, nowMs, 0)[0]?.runnable ?? 0
    }
    const decided = (runnable: number): string => {
      const [judgement] = decide(input([job('a', { runnable }), job('b', { locked: true }), job('c', { locked: true })], [seen(2)])).judgements
      return judgement?.verdict === 'stays' ? judgement.why : 'moves'
    }
    const plain = loadAfter(held, [[60, resting]])
    expect([decided(plain), decided(loadAfter({ ...held, kind: 'cpu' }, [[60, resting]]))]).toEqual(['idle', 'moves'])
    expect([decided(loadAfter(held, [[60, waiting]])), decided(loadAfter({ ...held, kind: 'io' }, [[60, waiting]]))]).toEqual(['moves', 'idle'])
    const changed = [[600, busy], [60, resting]] as const
    const [fast, slow, none] = (['fast', 'slow', 'none'] as const).map((decay) => loadAfter({ ...held, decay }, changed))
    expect([decided(fast ?? 0), decided(none ?? 0)]).toEqual(['idle', 'moves'])
    expect(fast).toBeLessThan(0.1)
    expect(slow).toBeGreaterThan(0.15)
    expect(none).toBeGreaterThan(0.9)
  })

  test('are forgotten when they are gone', () => {
    const jobs = new HeldJobs()
    jobs.measured([held], busy, 0, 1)
    jobs.measured([], new Map(), 1_000, 1)
    expect(jobs.view([held], 7, 2_000, 0)).toEqual([])
  })
})

test.each([
  [new NodeError('BUSY', 'job 0adc-7 is coming here', ''), 'refused'], [new NodeError('CANTMOVE', 'memory: node 7 has too little', ''), 'refused'],
  [new NodeError('CANTMOVE', 'tcp: it is connected', ''), 'cantmove'], [new NodeError('JOB_ENDED', 'it has ended', ''), 'ended'],
  [new NodeError('TARGET_GONE', 'the connection ended', ''), 'failed'], [new TypeError('x is not a function'), 'failed'],
])('a move that ends with %s is %s', (error, failure) => {
  expect(whatFailed(error)).toBe(failure)
})

describe('the decision log', () => {
  const view = input([job('a'), job('b'), job('c')], [seen(2)])

  test('of what a node decides by can be read again, also when more is known of the rules: records of nodes were refused for it', () => {
    const core = new Balancer(1, () => 0.5)
    core.measured({ ...entry(1), runnable: 1, swapOutKiBps: 0, memoryStallShare: 0, speed: 10_000 })
    const rules = { stay: false, lstay: true, quiet: false, takes: true, gives: true }
    expect(decisionInputSchema.parse(core.input([], rules, 3, 0)).rules).toEqual({ stay: false, lstay: true, quiet: false })
  })

  test('has what each decision was made from, and the replay decides the same', () => {
    const file = join(scratchFolder(), 'decisions.log')
    const log = new DecisionLog(file)
    const { judgements } = decide(view)
    log.note(view, judgements, 0, '2026-01-01T00:00:00.000Z')
    log.note(view, judgements, 1_000, '2026-01-01T00:00:01.000Z')
    log.note(view, judgements, 60_000, '2026-01-01T00:01:00.000Z')
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
    expect(lines).toHaveLength(2)
    expect(decisionRecordSchema.parse(JSON.parse(lines[0] ?? '')).input).toEqual(view)
    expect(log.about('b')).toEqual({ time: '2026-01-01T00:01:00.000Z', judgement: judgements[1] })
    expect(replay(readRecords(file))).toEqual({ decisions: 2, differing: [] })
  })

  test('a decision that comes out otherwise is told', () => {
    const file = join(scratchFolder(), 'decisions.log')
    const changed = decide(view).judgements.map((each) => ({ ...each, job: 'z' }))
    new DecisionLog(file).note(view, changed, 0, '2026-01-01T00:00:00.000Z')
    expect(replay(readRecords(file))).toEqual({ decisions: 1, differing: ['2026-01-01T00:00:00.000Z'] })
  })
})

test('a file that is no decision log is refused, one that is not there has no decisions', () => {
  const file = join(scratchFolder(), 'x')
  expect(readRecords(file)).toEqual([])
  writeFileSync(file, '{"time": 1}\n')
  expect(() => readRecords(file)).toThrow('line 1 is no recorded decision')
})

test('of every node the last figures are known, however old, until it is no member any more', () => {
  const known = new LastKnown()
  known.heard({ own: entry(3), sentMs: 0, news: newsOf([{ entry: entry(2, { load: 1 }), bornMs: -500 }]) }, 900)
  known.heard({ own: entry(3), sentMs: 0, news: newsOf([{ entry: entry(2, { load: 9 }), bornMs: -3_000 }]) }, 900)
  expect(known.seen(100_500).map(({ id, load, ageMs }) => [id, load, ageMs])).toEqual([[2, 1, 100_100], [3, 0, 99_600]])
  known.keepOnly((id) => id === 3)
  expect(known.seen(0).map(({ id }) => id)).toEqual([3])
})

describe('what people see', () => {
  const rows: NodeRow[] = nodeRows([member(0), member(1), member(2, 'failed')], {
    self: entry(0x0adc, { load: 2, jobs: 2 }), ownLoad: 2, others: [seen(0x0a4e, { load: 1, jobs: 1 }), seen(0x0a56, { load: 5 })],
  })

  test('members have their loads; one that failed has none', () => {
    expect(rows.map(({ load, ageMs }) => [load, ageMs])).toEqual([[2, 0], [1, 1_000], [undefined, undefined]])
    for (const row of rows) expect(nodeRowSchema.safeParse(row).success).toBe(true)
  })

  test('bars by load, lowest id first, with totals', () => {
    expect(barChart(rows, { figure: 'load', total: true, dead: false }, { columns: 40, rows: 9 })).toEqual([
      'Load: 2 nodes',
      '   2.0 |       ####',
      '       |       ####',
      '   1.0 |####   ####',
      '   0.5 |####   ####',
      '        0x0a4e 0x0adc',
      '        1.00   2.00',
      'Total: 2 nodes, 2 CPUs, speed 20000, 3 jobs, 3696 of 4096 MiB free',
    ])
  })

  test('used memory is solid, free memory goes on as plus signs; dead nodes on demand', () => {
    const lines = barChart(rows, { figure: 'memory', total: false, dead: true }, { columns: 80, rows: 14 })
    expect(lines.filter((line) => line.includes('++++'))).toHaveLength(9)
    expect(lines.at(-1)).toBe('        200    down   200')
  })

  test('a narrow screen says how many do not fit', () => {
    expect(barChart(rows, { figure: 'speed', total: false, dead: true }, { columns: 20, rows: 9 })[0]).toBe('Speed (10000 is the standard CPU): 3 nodes, 2 more do not fit')
  })

  test('nodes that do not fit are reached by scrolling, as far as there are any', () => {
    const at = (scrolled: number): string | undefined => barChart(rows, { figure: 'load', total: false, dead: true, scrolled }, { columns: 20, rows: 9 }).at(-2)
    expect([at(0), at(1), at(9)]).toEqual(['        0x0a4e', '        0x0a56', '        0x0adc'])
  })

  test('the last events stand below the bars when there is room, the keys in their place on demand', () => {
    const view = { figure: 'load', total: false, dead: false, help: false } as const
    const events = ['1', '2', '3', '4', '5', '6', '7']
    const lines = screen(rows, events, view, { columns: 60, rows: 24 })
    expect(lines.length).toBeLessThanOrEqual(24)
    expect(lines.slice(-6)).toEqual(['', '3', '4', '5', '6', '7'])
    expect(screen(rows, events, view, { columns: 60, rows: 10 })).not.toContain('7')
    expect(screen(rows, events, { ...view, help: true }, { columns: 60, rows: 24 }).at(-1)).toMatch(/q {2}leave/)
  })

  test('keys choose as in the seed\'s monitor', () => {
    const view = { figure: 'load', total: false, dead: false, help: false } as const
    expect(afterKey(view, 'm').figure).toBe('memory')
    expect(afterKey(view, 't').total).toBe(true)
    expect(afterKey(afterKey(view, 'd'), 'd')).toEqual(view)
    expect(afterKey(view, 'x')).toEqual(view)
    expect(afterKey(view, 'h').help).toBe(true)
    expect(afterKey(afterKey(afterKey(view, '>'), '\x1b[C'), '<').scrolled).toBe(1)
    expect(afterKey(view, '<').scrolled).toBe(0)
  })

  test('the monitor draws on a serial line, which says that it is 0 by 0', () => {
    expect(sizeOf({ columns: 0, rows: 0 })).toEqual({ columns: 80, rows: 24 })
    expect(sizeOf({ columns: 132, rows: 43 })).toEqual({ columns: 132, rows: 43 })
  })
})
