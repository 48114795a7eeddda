import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { HomeJob } from '../../agent/jobs/home-job.ts'
import { encodeJson, FRAME, type Link } from '../../agent/jobs/link.ts'
import { HomeLogs } from '../../agent/migration/home-logs.ts'
import type { JobSpec } from '../../schema/job.ts'
import { testJob } from './job-helpers.ts'

test('what a user orders while the job is on its way reaches the node that holds it afterwards, and nobody before', async () => {
  await withJob((job) => {
    const [user, left, next] = [fakeLink(), fakeLink(), fakeLink()]
    job.attachHolder(left)
    job.attachClient(user)
    job.update({ state: 'migrating' })
    job.fromClient(interrupt, user)
    job.update({ state: 'running', node: 6, epoch: 2 })
    job.fromClient(resized, user)
    expect(left.kinds).toEqual([FRAME.hello])
    job.attachHolder(next)
    expect(next.kinds).toEqual([FRAME.hello, FRAME.signal, FRAME.size])
  })
})

test('after a move that was given up, the orders go to the node that has the job still', async () => {
  await withJob((job) => {
    const [user, holder] = [fakeLink(), fakeLink()]
    job.attachHolder(holder)
    job.attachClient(user)
    job.update({ state: 'migrating' })
    job.fromClient(interrupt, user)
    job.update({ state: 'running' })
    job.fromClient(resized, user)
    expect(holder.kinds).toEqual([FRAME.hello, FRAME.signal, FRAME.size])
  })
})

test('when a terminal is closed while the job is on its way, the job hears of that, too', async () => {
  await withJob((job) => {
    const [user, left, next] = [fakeLink(), fakeLink(), fakeLink()]
    job.attachHolder(left)
    job.attachClient(user)
    job.update({ state: 'migrating' })
    job.detachClient(user)
    job.update({ state: 'running', node: 6, epoch: 2 })
    job.attachHolder(next)
    expect(left.kinds).toEqual([FRAME.hello])
    expect(next.kinds).toEqual([FRAME.gone, FRAME.gone, FRAME.signal])
  })
})

test('of more orders than anybody gives, the first are kept', async () => {
  await withJob((job) => {
    const [user, holder] = [fakeLink(), fakeLink()]
    job.attachClient(user)
    for (let order = 0; order < 1_000; order++) job.fromClient(interrupt, user)
    job.attachHolder(holder)
    expect(holder.kinds.length).toBeLessThan(100)
  })
})

test('when the node that a job leaves has died, the copy at the target is told to go', async () => {
  await withJob((job) => {
    const logs = new HomeLogs({ find: () => job }, { answer: () => undefined, call: () => Promise.resolve({}) }, () => false)
    const { id, node } = job.job
    expect(logs.take(id, node, { type: 'begin', epoch: 1, to: 6, attempt: 77 }).messages).toEqual([{ type: 'granted', epoch: 1, next: 2, attempt: 77 }])
    expect(job.job.state).toBe('migrating')
    expect(logs.take(id, 6, { type: 'ask', next: 2 }).messages).toEqual([])
    job.settle({ lost: `node ${node}, on which it ran, failed` })
    expect(logs.take(id, 6, { type: 'ask', next: 2 }).messages).toEqual([{ type: 'aborted', next: 2 }])
  })
})

test('whoever still has a copy of a job that home has forgotten hears that it is nobody\'s', () => {
  const logs = new HomeLogs({ find: () => undefined }, { answer: () => undefined, call: () => Promise.resolve({}) }, () => false)
  expect(logs.take('0005-1', 6, { type: 'ask', next: 2 }).messages).toEqual([{ type: 'aborted', next: 2 }])
  expect(logs.take('0005-1', 5, { type: 'commit', epoch: 1, next: 2 }).messages).toEqual([{ type: 'stale', epoch: 1 }])
  expect(logs.take('0005-1', 5, { type: 'hold', epoch: 1 }).messages).toEqual([{ type: 'stale', epoch: 1 }])
})

const interrupt = { kind: FRAME.signal, body: encodeJson({ signal: 'SIGINT', to: 'group' }) }
const resized = { kind: FRAME.size, body: encodeJson({ rows: 24, columns: 80 }) }
const SPEC: JobSpec = { command: ['sleep', '100'], environment: [], directory: '/', umask: 0o22, uid: 0, gid: 0, groups: [], niceness: 0, stdio: 'pipes', limits: {} }

async function withJob(body: (job: HomeJob) => void): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'plump-home-job-'))
  try {
    body(new HomeJob({ job: testJob({}), spec: SPEC }, folder, () => undefined))
  } finally {
    await rm(folder, { recursive: true })
  }
}

function fakeLink(): Link & { kinds: number[] } {
  const kinds: number[] = []
  return { kinds, send: (kind) => void kinds.push(kind), pass: ({ kind }) => void kinds.push(kind), close: () => undefined }
}
