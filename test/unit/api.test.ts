import { spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { startApi } from '../../agent/api/api.ts'
import { REQUEST_LIMIT_BYTES } from '../../agent/api/client-connection.ts'
import { keyAnswers } from '../../agent/keys/cluster-key.ts'
import { lineSplitter } from '../../agent/os/line-splitter.ts'
import { parseProcFigures, readProcFigures } from '../../agent/api/proc-figures.ts'
import { apiResultSchemas } from '../../schema/api.ts'
import type { ApiAnswer, ApiRequestName } from '../../schema/api.ts'
import { dhcpLease, exchange, goodNic, listeningAgent, member, testAgent, until, untilAnswered } from './api-helpers.ts'

test('a node without an address answers with what it waits for, and no members', async () => {
  const { socketPath, context } = await listeningAgent()
  context.state.set('stage', 'nics')
  context.state.setWaiting('leases', { for: 'an address', fix: 'plug in a cable' })
  context.state.setWaiting('members', undefined)
  const status = apiResultSchemas.status.parse(await result(socketPath, 'status'))
  expect(status).toMatchObject({ name: 'plump', cluster: 'plump', stage: 'nics', members: 0, leases: [], waiting: [{ for: 'an address', fix: 'plug in a cable' }] })
  expect(status).not.toHaveProperty('id')
  expect(status.memoryUsedKiB).toBeLessThan(status.memoryTotalKiB)
  expect(status.uptimeSeconds).toBeGreaterThan(0)
  expect(await result(socketPath, 'nodes')).toEqual([])
})

test('a node with an address is a member of its own before Serf runs', async () => {
  const { socketPath, context } = await listeningAgent()
  context.state.set('identity', { id: 0x0adc, address: '192.168.10.220', name: 'plump-0adc' })
  expect(apiResultSchemas.nodes.parse(await result(socketPath, 'nodes'))).toEqual([
    { id: 0x0adc, name: 'plump-0adc', addresses: ['192.168.10.220'], state: 'alive', self: true },
  ])
  expect(await result(socketPath, 'status')).toMatchObject({ id: 0x0adc, address: '192.168.10.220', name: 'plump-0adc', members: 1 })
})

test('members come with this node first, and only the alive ones are counted', async () => {
  const { socketPath, context } = await listeningAgent()
  context.state.set('members', [member(1, 'failed'), member(3), member(0)])
  expect(apiResultSchemas.nodes.parse(await result(socketPath, 'nodes'))).toEqual([member(0), member(3), member(1, 'failed')])
  expect(await result(socketPath, 'status')).toMatchObject({ members: 2 })
})

test('network cards and leases are given as they are', async () => {
  const { socketPath, context } = await listeningAgent()
  context.state.set('nics', [goodNic])
  context.state.set('leases', [dhcpLease])
  expect(apiResultSchemas.nics.parse(await result(socketPath, 'nics'))).toEqual([goodNic])
  expect(apiResultSchemas.leases.parse(await result(socketPath, 'leases'))).toEqual([dhcpLease])
})

test('several requests of one client are answered in their order', async () => {
  const { socketPath, context } = await listeningAgent()
  context.state.set('nics', [goodNic])
  context.state.set('leases', [dhcpLease])
  const answers = await exchange(socketPath, '{"request":"log","lines":0}\n\n{"request":"nics"}\r\n{"request":"leases"}\n')
  expect(answers).toEqual([{ result: [] }, { result: [goodNic] }, { result: [dhcpLease] }])
})

test('the log gives its last lines, and follows what is added', async () => {
  const { socketPath, logFile } = await listeningAgent()
  writeFileSync(logFile, 'one\ntwo\nthree\nunfinished')
  expect(await exchange(socketPath, '{"request":"log","lines":2}\n')).toEqual([{ result: ['two', 'three'] }])
  const follower = connect(socketPath, () => follower.write('{"request":"log","lines":1,"follow":true}\n'))
  onTestFinished(() => void follower.destroy())
  let text = ''
  follower.setEncoding('utf8').on('data', (piece: string) => { text += piece })
  await until(() => text.includes('three'))
  appendFileSync(logFile, ' line\nfive\nsi')
  await until(() => text.includes('five'))
  expect(text).toBe('{"result":["three"]}\n{"result":["unfinished line","five"]}\n')
  writeFileSync(logFile, 'cut\n')
  await until(() => text.includes('cut'))
})

test('between two logs there are no lines, and the new one is followed', async () => {
  const { socketPath, logFile } = await listeningAgent()
  writeFileSync(logFile, 'old\n')
  const follower = connect(socketPath, () => follower.write('{"request":"log","follow":true}\n'))
  onTestFinished(() => void follower.destroy())
  let text = ''
  follower.setEncoding('utf8').on('data', (piece: string) => { text += piece })
  await until(() => text.includes('old'))
  renameSync(logFile, `${logFile}.1`)
  expect(await exchange(socketPath, '{"request":"log"}\n')).toEqual([{ result: [] }])
  writeFileSync(logFile, 'n\n')
  await until(() => text.includes('"n"'))
})

test('a log that cannot be read is an error with its fix', async () => {
  const { socketPath } = await listeningAgent({}, { logFile: '/proc/self/status/plump.log' })
  expect(errorOf(await exchange(socketPath, '{"request":"log"}\n')).code).toBe('LOG_UNREADABLE')
})

test('a typed cluster key is handed on; one that is refused comes back with the reason', async () => {
  const { socketPath, logFile } = await listeningAgent(keyAnswers((text) => (text === 'right' ? { accepted: true } : { accepted: false, why: `${text.length} characters are too few` })))
  expect(await exchange(socketPath, '{"request":"submit-key","text":"right"}\n')).toEqual([{ result: { accepted: true } }])
  const refused = errorOf(await exchange(socketPath, '{"request":"submit-key","text":"wrong"}\n'))
  expect(refused).toMatchObject({ code: 'KEY_REFUSED', message: '5 characters are too few' })
  expect(refused.fix).toContain('plump key enter')
  expect(spawnSync('grep', ['-c', 'wrong', logFile], { encoding: 'utf8' }).stdout).toBe('0\n')
})

test.each([
  ['no JSON', '{"request":', 'BAD_JSON'],
  ['no object', '7', 'BAD_REQUEST'],
  ['an unknown request', '{"request":"reboot"}', 'BAD_REQUEST'],
  ['a field too many', '{"request":"status","verbose":true}', 'BAD_REQUEST'],
  ['a field of another type', '{"request":"log","lines":"all"}', 'BAD_REQUEST'],
  ['too many log lines', '{"request":"log","lines":1000000}', 'BAD_REQUEST'],
  ['a prototype key', '{"request":"__proto__"}', 'BAD_REQUEST'],
])('hostile input, %s: refused with a fix, and the next request is served', async (_, line, code) => {
  const { socketPath } = await listeningAgent()
  const answers = await exchange(socketPath, `${line}\n{"request":"leases"}\n`)
  expect(errorOf(answers)).toMatchObject({ code })
  expect(errorOf(answers).fix).not.toBe('')
  expect(answers[1]).toEqual({ result: [] })
})

test('hostile input, a line without an end: cut off with the reason, others are served', async () => {
  const { socketPath } = await listeningAgent()
  expect(errorOf(await exchange(socketPath, 'x'.repeat(REQUEST_LIMIT_BYTES + 1))).code).toBe('REQUEST_TOO_LONG')
  expect(await result(socketPath, 'leases')).toEqual([])
})

test('hostile input, a flood of requests: cut off after the limit', async () => {
  const { socketPath } = await listeningAgent()
  const answers = await exchange(socketPath, '{"request":"log","lines":1}\n'.repeat(100))
  expect(answers.length).toBeLessThan(100)
  expect(answers.some((answer) => 'error' in answer && answer.error.code === 'TOO_MANY_REQUESTS')).toBe(true)
})

test('hostile input, more clients than the limit: the surplus is told so, and room is made when one leaves', async () => {
  const { socketPath } = await listeningAgent()
  const idle = await Promise.all(Array.from({ length: 32 }, () => new Promise<ReturnType<typeof connect>>((resolve) => {
    const socket = connect(socketPath, () => resolve(socket))
  })))
  onTestFinished(() => { for (const socket of idle) socket.destroy() })
  const surplus = await exchange(socketPath, '{"request":"leases"}\n')
  expect(surplus).toMatchObject([{ error: { code: 'TOO_MANY_CLIENTS' } }])
  idle[0]?.destroy()
  await untilAnswered(socketPath)
})

test('the socket is for root and its group only', async () => {
  const { socketPath } = await listeningAgent()
  expect(statSync(socketPath).mode & 0o777).toBe(0o660)
})

test('the socket file of a crashed agent is replaced', async () => {
  const { context, socketPath } = testAgent()
  const crash = `require('node:net').createServer().listen(${JSON.stringify(socketPath)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', crash])
  expect(existsSync(socketPath)).toBe(true)
  const api = startApi(context, { socketPath })
  onTestFinished(() => api.stop())
  await untilAnswered(socketPath)
})

test('while another agent answers, the second says so and leaves the socket alone', async () => {
  const first = await listeningAgent()
  const second = testAgent()
  const api = startApi(second.context, { socketPath: first.socketPath })
  onTestFinished(() => api.stop())
  await until(() => second.context.state.get('waiting')['api'] !== undefined)
  first.context.state.set('leases', [dhcpLease])
  expect(await result(first.socketPath, 'leases')).toEqual([dhcpLease])
})

test('lines are the same however the bytes are cut', () => {
  const line = fc.string({ maxLength: 20 }).map((text) => text.replace(/[\r\n]/g, ''))
  fc.assert(fc.property(fc.array(line, { maxLength: 10 }), fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (lines, cuts) => {
    const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''))
    const split = lineSplitter(200)
    const seen: string[] = []
    for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
      const length = cuts[turn % cuts.length] ?? 1
      const piece = split(bytes.subarray(at, at + length))
      if (piece.state === 'lines') seen.push(...piece.lines)
      at += length
    }
    expect(seen).toEqual(lines)
  }))
})

test('figures of /proc', () => {
  const meminfo = 'MemTotal:         498688 kB\nMemFree:          100000 kB\nMemAvailable:     413688 kB\n'
  expect(parseProcFigures('0.52 0.58 0.59 1/250 1234\n', meminfo, '350735.47 234388.90\n')).toEqual({ load: 0.52, memoryTotalKiB: 498_688, memoryUsedKiB: 85_000, uptimeSeconds: 350_735.47 })
  expect(parseProcFigures('', '', '')).toEqual({ load: 0, memoryTotalKiB: 0, memoryUsedKiB: 0, uptimeSeconds: 0 })
  expect(readProcFigures().memoryTotalKiB).toBeGreaterThan(0)
})

async function result(socketPath: string, request: ApiRequestName): Promise<unknown> {
  const [answer] = await exchange(socketPath, `{"request":"${request}"}\n`)
  if (answer === undefined || 'error' in answer) throw new Error(`${request} was refused: ${JSON.stringify(answer)}`)
  return answer.result
}

function errorOf(answers: readonly ApiAnswer[]): { code: string; message: string; fix: string } {
  const [answer] = answers
  if (answer === undefined || !('error' in answer)) throw new Error(`no error: ${JSON.stringify(answer)}`)
  return answer.error
}
