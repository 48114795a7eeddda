import { expect, test } from 'vitest'
import { jobsToMove, sendHome, type HomecomingEdges } from '../../agent/admin/homecoming.ts'
import { NodeError } from '../../agent/api/node-error.ts'
import { testJob } from './job-helpers.ts'

const here = testJob({ id: '0005-1', home: 5, node: 5 })
const away = testJob({ id: '0005-10', home: 5, node: 7 })
const awayFirst = testJob({ id: '0005-9', home: 5, node: 8 })
const ended = testJob({ id: '0005-3', home: 5, node: 7, outcome: { exit: 0 } })
const guest = testJob({ id: '0007-1', home: 7, node: 5 })
const jobs = [away, here, awayFirst, ended, guest]

function edges(moveHome: HomecomingEdges['moveHome']): HomecomingEdges & { pauses: number[] } {
  const pauses: number[] = []
  return { self: () => 5, jobs: () => jobs, moveHome, pauses, pause: (ms) => Promise.resolve(pauses.push(ms)) }
}

test('bring is about own jobs that are away, expel about guests, neither about what has ended', () => {
  expect(jobsToMove('bring', jobs, 5).map(({ id }) => id)).toEqual(['0005-9', '0005-10'])
  expect(jobsToMove('expel', jobs, 5).map(({ id }) => id)).toEqual(['0007-1'])
})

test('a job that cannot move stays and is told of; the others come all the same; one that ended is nobody\'s business', async () => {
  const tried: string[] = []
  const report = await sendHome('bring', edges((id) => {
    tried.push(id)
    return id === '0005-9' ? Promise.reject(new NodeError('CANTMOVE', 'tcp: it has a connection', 'wait')) : Promise.resolve()
  }), () => undefined)
  expect(tried).toEqual(['0005-9', '0005-10'])
  expect(report).toEqual({ moved: ['0005-10'], staying: [{ job: '0005-9', code: 'CANTMOVE', why: 'tcp: it has a connection' }] })
  expect(await sendHome('expel', edges(() => Promise.reject(new NodeError('NO_JOB', 'it ended', 'look'))), () => undefined)).toEqual({ moved: [], staying: [] })
})

test('while another job moves it waits, but not for ever', async () => {
  let tries = 0
  const twice = edges(() => (++tries < 3 ? Promise.reject(new NodeError('BUSY', 'one moves', 'wait')) : Promise.resolve()))
  expect(await sendHome('expel', twice, () => undefined)).toEqual({ moved: ['0007-1'], staying: [] })
  expect(twice.pauses).toHaveLength(2)
  const never = edges(() => Promise.reject(new NodeError('BUSY', 'one moves', 'wait')))
  expect((await sendHome('expel', never, () => undefined)).staying).toMatchObject([{ job: '0007-1', code: 'BUSY' }])
  expect(never.pauses.length).toBeLessThan(100)
})

test('a node without an id has no jobs to send anywhere', async () => {
  await expect(sendHome('bring', { ...edges(() => Promise.resolve()), self: () => undefined }, () => undefined)).rejects.toMatchObject({ code: 'NO_NODE_ID' })
})
