import { execFileSync, spawn } from 'node:child_process'
import { closeSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BEGIN_PIPE, dropHeldDump } from '../../agent/migration/criu-process.ts'
import { openOnceRead } from '../../agent/os/named-pipes.ts'

const HOOK = join(import.meta.dirname, '../../rootfs-overlay/usr/lib/plump/criu-hook')
let move = ''
beforeEach(() => {
  move = mkdtempSync(join(tmpdir(), 'plump-move-'))
  execFileSync('mkfifo', [join(move, BEGIN_PIPE)])
})
afterEach(() => rmSync(move, { recursive: true }))

/** What criu hears of its hook before it touches a job. */
function hookEnds(environment: Record<string, string>): Promise<number | null> {
  const hook = spawn('sh', [HOOK], { env: { PATH: process.env['PATH'], CRTOOLS_SCRIPT_ACTION: 'pre-dump', PLUMP_MOVE: move, ...environment }, stdio: 'ignore' })
  return new Promise((resolve) => hook.once('exit', resolve))
}

/** Gives the pipe, which is open until it is closed: the hook reads no end. */
async function untilItWaits(): Promise<number> {
  return await openOnceRead(join(move, BEGIN_PIPE), () => false) as number
}

test('a dump that was started ahead waits, and does not begin when the agent after the one that started it says no', async () => {
  const ended = hookEnds({ PLUMP_HELD: 'yes' })
  const pipe = await untilItWaits()
  dropHeldDump(move)
  expect(await ended).toBe(1)
  closeSync(pipe)
})

test('a dump that was not started ahead begins at once, and there is nobody to tell', async () => {
  expect(await hookEnds({})).toBe(0)
  dropHeldDump(move)
  dropHeldDump(join(move, 'nothing'))
})
