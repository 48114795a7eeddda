import { describe, expect, test } from 'vitest'
import { rightsOf, roleOf, wantsToBeIn } from '../../agent/pool/pool-rules.ts'
import type { PoolView } from '../../agent/pool/pool-rules.ts'
import { keyIdleMs } from '../../agent/pool/key-idle.ts'
import { isOpen, momentIn } from '../../agent/pool/schedule.ts'
import { poolSchema } from '../../schema/pool.ts'
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { scratchFolder } from './api-helpers.ts'

const at = (day: number, hour: number, minute = 0): { day: number; minute: number } => ({ day, minute: hour * 60 + minute })

describe('a schedule', () => {
  test('of a night belongs to the day on which it begins', () => {
    const nights = ['mon-fri 19:00-07:00']
    expect([at(1, 19), at(1, 23, 59), at(2, 6, 59), at(6, 6, 59)].map((moment) => isOpen(nights, moment))).toEqual([true, true, true, true])
    expect([at(1, 18, 59), at(1, 6), at(2, 7), at(6, 7), at(6, 20), at(0, 3)].map((moment) => isOpen(nights, moment))).toEqual([false, false, false, false, false, false])
  })

  test('has whole days, lists and ranges over the weekend', () => {
    expect(isOpen(['sat,sun 00:00-24:00'], at(6, 23, 59))).toBe(true)
    expect(isOpen(['sat,sun 00:00-24:00'], at(1, 0))).toBe(false)
    expect([5, 6, 0, 1, 2].map((day) => isOpen(['fri-mon 08:00-09:00'], at(day, 8, 30)))).toEqual([true, true, true, true, false])
  })

  test('goes by its time zone', () => {
    const date = new Date('2026-07-05T22:30:00Z')
    expect(momentIn('UTC', date)).toEqual(at(0, 22, 30))
    expect(momentIn('Europe/Berlin', date)).toEqual(at(1, 0, 30))
  })

  test.each(['mon 19:00', 'mo-fr 19:00-07:00', 'mon-fri 25:00-07:00', ''])('"%s" is none', (text) => {
    expect(poolSchema.safeParse({ schedule: [text] }).success).toBe(false)
  })

  test('a time zone that does not exist is refused', () => {
    expect(poolSchema.safeParse({ timeZone: 'Europe/Atlantis' }).success).toBe(false)
    expect(poolSchema.safeParse({ timeZone: 'Europe/Paris' }).success).toBe(true)
  })
})

describe('a node in the pool', () => {
  const view = (changes: Partial<PoolView> & { pool?: object } = {}): PoolView => ({
    config: poolSchema.parse(changes.pool ?? {}), role: 'adaptive', order: undefined, isIn: false, date: new Date('2026-07-06T12:00:00Z'), keyIdleMs: 3_600_000, otherLoad: 0, ...changes,
  })

  test('is in for ever unless it is adaptive', () => {
    expect(wantsToBeIn(view({ role: 'workstation', pool: { schedule: ['sun 01:00-02:00'] }, keyIdleMs: 0 })).isIn).toBe(true)
  })

  test('an order goes before everything', () => {
    expect(wantsToBeIn(view({ role: 'full', order: 'leave' }))).toEqual({ isIn: false, why: 'by plump pool leave' })
    expect(wantsToBeIn(view({ order: 'join', pool: { schedule: ['sun 01:00-02:00'] } })).isIn).toBe(true)
  })

  test('an adaptive one goes by schedule, keys and other load', () => {
    expect(wantsToBeIn(view({ pool: { schedule: ['mon 11:00-13:00'] } })).isIn).toBe(true)
    expect(wantsToBeIn(view({ pool: { schedule: ['mon 13:00-14:00'] } })).isIn).toBe(false)
    expect(wantsToBeIn(view({ pool: { idle: { minutes: 15 } }, keyIdleMs: 14 * 60_000 }))).toEqual({ isIn: false, why: 'somebody works at its console' })
    expect(wantsToBeIn(view({ pool: { idle: { minutes: 15 } }, otherLoad: 0.5 })).isIn).toBe(false)
    expect(wantsToBeIn(view({ pool: {}, otherLoad: 0.5, keyIdleMs: 0 })).isIn).toBe(true)
  })

  test('one that is in stays in at a load at which it would not join', () => {
    const busy = { pool: { idle: { minutes: 15, load: 0.4 } }, otherLoad: 0.35 }
    expect([false, true].map((isIn) => wantsToBeIn(view({ ...busy, isIn })).isIn)).toEqual([false, true])
  })

  test('gives and takes by its role, which its card may decide', () => {
    expect((['full', 'server', 'workstation', 'adaptive'] as const).map(rightsOf)).toEqual([
      { gives: true, takes: true }, { gives: false, takes: true }, { gives: true, takes: false }, { gives: true, takes: true },
    ])
    const config = poolSchema.parse({ role: 'server', roles: [{ mac: '52:54:00:AA:00:01', role: 'adaptive' }] })
    expect([['52:54:00:aa:00:01'], ['52:54:00:aa:00:02']].map((macs) => roleOf(config, macs))).toEqual(['adaptive', 'server'])
  })
})

test('the last key is that of the terminal that was read last', () => {
  const folder = scratchFolder()
  mkdirSync(join(folder, 'pts'))
  for (const [name, seconds] of [['tty1', 100], ['ttyS0', 400], ['pts/0', 300], ['tty', 900], ['pts/ptmx', 900]] as const) {
    writeFileSync(join(folder, name), '')
    utimesSync(join(folder, name), seconds, seconds)
  }
  expect(keyIdleMs(1_000_000, folder)).toBe(600_000)
})
