import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { MovingJobs } from '../../agent/jobs/moving-jobs.ts'
import { Carriers, releaseCarrier } from '../../agent/migration/carriers.ts'
import { CRIU } from '../../agent/migration/criu-process.ts'

let root = ''
let child: ChildProcess
/** Of a job that is copied, with its one process, and of another. */
let copied = { cgroup: '', folder: '' }
let other = ''

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'plump-carriers-'))
  copied = { cgroup: join(root, 'copied'), folder: join(root, 'move') }
  other = join(root, 'other')
  for (const folder of [copied.cgroup, copied.folder]) mkdirSync(folder)
  writeFileSync(join(copied.cgroup, 'cgroup.procs'), `${process.pid}\n`)
  child = spawn('sleep', ['60'], { argv0: CRIU, stdio: 'ignore' })
})
afterEach(() => {
  child.kill('SIGKILL')
  rmSync(root, { recursive: true })
})

const ended = (): Promise<undefined> => new Promise((resolve) => child.once('exit', () => resolve(undefined)))
const waits = (): boolean => /^\d+ \(.*\) T/.test(readFileSync(`/proc/${child.pid}/stat`, 'utf8'))

test('what carries pages waits while another job stands still, unless its own does, too', async () => {
  const moving = new MovingJobs()
  const carriers = new Carriers(moving)
  await carriers.add({ pid: child.pid, ended: ended() }, copied)
  moving.set(copied.cgroup, 'standing')
  expect(waits()).toBe(false)
  moving.set(copied.cgroup, 'copying')
  moving.set(other, 'standing')
  await expect.poll(waits).toBe(true)
  moving.set(copied.cgroup, 'standing')
  await expect.poll(waits).toBe(false)
  moving.set(copied.cgroup, 'copying')
  await expect.poll(waits).toBe(true)
  moving.set(other, undefined)
  await expect.poll(waits).toBe(false)
})

test('one that begins while another job stands still waits from the first', async () => {
  const moving = new MovingJobs()
  moving.set(other, 'standing')
  await new Carriers(moving).add({ pid: child.pid, ended: ended() }, copied)
  await expect.poll(waits).toBe(true)
})

test('one that waits goes on even when its move was given up meanwhile', async () => {
  const moving = new MovingJobs()
  await new Carriers(moving).add({ pid: child.pid, ended: ended() }, copied)
  moving.set(other, 'standing')
  await expect.poll(waits).toBe(true)
  rmSync(copied.folder, { recursive: true })
  moving.set(other, undefined)
  await expect.poll(waits).toBe(false)
})

test('an agent that starts lets a carrier go on that the one before had wait; one that has ended, or whose move has, is no matter', async () => {
  const moving = new MovingJobs()
  await new Carriers(moving).add({ pid: child.pid, ended: ended() }, copied)
  moving.set(other, 'standing')
  await expect.poll(waits).toBe(true)
  releaseCarrier(copied.folder)
  await expect.poll(waits).toBe(false)
  child.kill('SIGKILL')
  await ended().then(() => releaseCarrier(copied.folder))
  rmSync(copied.folder, { recursive: true })
  moving.set(other, undefined)
  moving.set(other, 'standing')
  releaseCarrier(copied.folder)
})
