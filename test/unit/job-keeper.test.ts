import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { commandKeeper, keeperEnd } from '../../agent/jobs/keeper.ts'
import { openPipeReader } from '../../agent/jobs/pipe-ends.ts'

const KEEPER = join(import.meta.dirname, '../../rootfs-overlay/usr/lib/plump/job-keeper')
const KEEPERS = 20

/** One job that writes a line and waits for the end of its stdin; gives what its streams told until then. */
async function life(folder: string): Promise<{ early: boolean; stdout: string; keeper: string }> {
  const program = ['sh', '-c', 'echo here; read -r nothing; echo over >&4']
  const keeper = spawn('sh', [KEEPER, folder, 'pipes', ...program], { stdio: ['ignore', 'pipe', 'ignore'] })
  await once(keeper.stdout, 'data')
  const pid = keeper.pid ?? 0
  let [stdout, status, early] = ['', '', false]
  const over = new Promise<void>((resolve) => {
    openPipeReader(keeperEnd(pid, 'stdout'), { data: (bytes) => { stdout += bytes.toString() }, end: () => { early ||= stdout === '' } })
    openPipeReader(keeperEnd(pid, 'status'), { data: (bytes) => { status += bytes.toString() }, end: () => {
      early ||= status === ''
      resolve()
    } })
  })
  commandKeeper(pid, 'close-stdin')
  await over
  commandKeeper(pid, 'end')
  await once(keeper, 'exit')
  return { early, stdout, keeper: (await readFile(join(folder, 'keeper'), 'utf8')).trim() }
}

test('when a keeper says that the pipes are there, the job holds them: nobody reads an end of file before its end', async () => {
  const folders = await Promise.all(Array.from({ length: KEEPERS }, () => mkdtemp(join(tmpdir(), 'plump-keeper-'))))
  const lives = await Promise.all(folders.map(life))
  expect(lives.filter(({ early }) => early)).toEqual([])
  expect(new Set(lives.map(({ stdout }) => stdout))).toEqual(new Set(['here\n']))
  expect(new Set(lives.map(({ keeper }) => Number(keeper) > 1))).toEqual(new Set([true]))
  for (const folder of folders) await rm(folder, { recursive: true })
})
