import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadProgram } from '../../builder/bench/load-program.ts'
import type { MigrationFigures } from '../../builder/bench/migration-figures.ts'
import { migrationRows, migrationTable } from '../../builder/bench/migration-report.ts'

const MIB = 1024 * 1024

test.runIf(process.arch === 'x64' && process.platform === 'linux').each([0, 20_000_000])('the load has the memory it was asked for and goes on, writing %s bytes a second', async (dirtyBytesPerSecond) => {
  const folder = mkdtempSync(join(tmpdir(), 'plump-load-'))
  const file = join(folder, 'load')
  writeFileSync(file, loadProgram({ bytes: 8 * MIB, dirtyBytesPerSecond }), { mode: 0o755 })
  const child = spawn(file, { stdio: 'ignore' })
  try {
    const status = (): string => readFileSync(`/proc/${child.pid}/status`, 'utf8')
    const memoryKiB = (): number => Number(/^VmRSS:\s+(\d+)/m.exec(status())?.[1])
    await expect.poll(memoryKiB, { timeout: 10_000 }).toBeGreaterThanOrEqual(8 * 1024)
    expect(memoryKiB()).toBeLessThan(8 * 1024 + 256)
    const switches = (): number => Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status())?.[1])
    const before = switches()
    await expect.poll(switches, { timeout: 10_000 }).toBeGreaterThan(before + 10)
  } finally {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true })
  }
})

test('figures stand beside what is to be reached, and say whether it is', () => {
  const figures: MigrationFigures = {
    wireBytesPerSecond: 50_000_000, wireToNiceReaderBytesPerSecond: 60_000_000, relayBytesPerSecond: 41_000_000, mosrunTrueMs: 900, nodeNothingMs: 250,
    loads: [{
      load: { bytes: 64 * MIB, dirtyBytesPerSecond: 20_000_000 }, move: { freezeMs: 1_000, totalMs: 3_000, bytes: 80_000_000, rounds: 3 }, moves: [], abortMs: 400, wireBytesPerSecond: 40_000_000,
      bare: { dumpMs: 700, copyMs: 1_800, restoreMs: 600, bytes: 67_000_000, dirtyDumpMs: 200 },
    }],
  }
  const goals = migrationRows(figures).filter(({ goal }) => goal !== '').map(({ what, goal, isReached }) => [what, goal, isReached])
  expect(goals).toEqual([
    ['stdio from the other node', '>= 40.0 MB/s', true],
    ['mosrun true', '<= 750 ms', false],
    ['64 MiB, writes 20 MB/s: freeze', '<= 1040 ms', true],
    ['  bare CRIU: dump + copy + restore', 'freeze <= half of it', true],
    ['  total', '<= 3000 ms', true],
    ['  given up: back to running after', '<= 500 ms', true],
  ])
  expect(migrationTable(figures)).toMatch(/mosrun true +900 ms {2}<= 750 ms +missed/)
})

test('a load that could not be measured is a line of its own, and the goals of the others stand', () => {
  const rows = migrationRows({ wireBytesPerSecond: 1, wireToNiceReaderBytesPerSecond: 1, relayBytesPerSecond: 1, mosrunTrueMs: 1, nodeNothingMs: 1, loads: [{ load: { bytes: 8 * MIB, dirtyBytesPerSecond: 0 }, failed: 'no room' }] })
  expect(rows.at(-1)).toEqual({ what: '8 MiB, idle', measured: 'failed', goal: 'moves', isReached: false })
})
