import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { CpuShares } from '../../agent/jobs/cpu-shares.ts'
import { MovingJobs } from '../../agent/jobs/moving-jobs.ts'

const GROUPS = ['.', 'own', 'own/0a64-1', 'own/0a64-2', 'guests', 'guests/0a65-7']
let root = ''

beforeEach(() => {
  vi.useFakeTimers()
  root = mkdtempSync(join(tmpdir(), 'plump-shares-'))
  for (const group of GROUPS) {
    mkdirSync(join(root, group), { recursive: true })
    for (const file of ['cpu.idle', 'cpu.weight']) writeFileSync(join(root, group, file), '0')
  }
})
afterEach(() => {
  vi.useRealTimers()
  rmSync(root, { recursive: true })
})

/** Of each group its weight, or that it is idle. */
function shares(): string[] {
  const read = (group: string, file: string): string => readFileSync(join(root, group, file), 'utf8')
  return GROUPS.map((group) => (read(group, 'cpu.idle') === '1' ? 'idle' : read(group, 'cpu.weight')))
}

test('a job that moves comes first; while it stands, all others are idle, and afterwards everything is as before', () => {
  const moving = new MovingJobs()
  const cpu = new CpuShares(root, moving)
  cpu.shareByNumbers(2, 1)
  cpu.apply()
  const before = ['20', '200', '100', '100', '100', '100']
  expect(shares()).toEqual(before)
  moving.set(`${root}/own/0a64-1`, 'copying')
  expect(shares()).toEqual(['20', '200', '10000', '100', '100', '100'])
  moving.set(`${root}/own/0a64-1`, 'standing')
  expect(shares()).toEqual(['idle', '200', '10000', 'idle', 'idle', 'idle'])
  vi.advanceTimersByTime(3_000)
  cpu.shareByNumbers(3, 1)
  expect(shares()).toEqual(['100', '300', '10000', 'idle', 'idle', 'idle'])
  vi.advanceTimersByTime(1_000)
  expect(shares()).toEqual(['idle', '300', '10000', 'idle', 'idle', 'idle'])
  moving.set(`${root}/guests/0a65-7`, 'standing')
  expect(shares()).toEqual(['idle', '300', '10000', 'idle', '100', '10000'])
  cpu.shareByNumbers(2, 1)
  moving.set(`${root}/own/0a64-1`, undefined)
  moving.set(`${root}/guests/0a65-7`, undefined)
  expect(shares()).toEqual(before)
})

test('what an agent before this one left is put right; a group that is gone is no matter', () => {
  const moving = new MovingJobs()
  new CpuShares(root, moving).apply()
  moving.set(`${root}/own/0a64-1`, 'standing')
  rmSync(join(root, 'own/0a64-2'), { recursive: true })
  new CpuShares(root, new MovingJobs()).apply()
  mkdirSync(join(root, 'own/0a64-2'))
  for (const file of ['cpu.idle', 'cpu.weight']) writeFileSync(join(root, 'own/0a64-2', file), '0')
  expect(shares()).toEqual(['20', '100', '100', '0', '100', '100'])
})
