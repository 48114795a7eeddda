import { execFile, spawn } from 'node:child_process'
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { keyAnswers } from '../../agent/keys/cluster-key.ts'
import { parseLogLine } from '../../agent/cli/log.ts'
import { nearest } from '../../agent/cli/nearest.ts'
import { formatReference } from '../../agent/cli/reference.ts'
import { SEED_NAMES } from '../../agent/cli/seed-names.ts'
import { VERBS } from '../../agent/cli/verbs.ts'
import { logEntrySchema, verbListSchema, versionSchema } from '../../schema/api.ts'
import { memberSchema, nodeStatusSchema } from '../../schema/node-state.ts'
import { config, dhcpLease, goodNic, listeningAgent, member, scratchFolder, until } from './api-helpers.ts'

const MAIN = join(import.meta.dirname, '../../agent/cli/main.ts')

test('plump nodes is an aligned table, this node first', async () => {
  const { socketPath, context } = await listeningAgent()
  context.state.set('members', [member(2, 'failed'), member(0), { ...member(1), addresses: ['192.168.10.78', '10.0.0.78'] }])
  const { stdout } = await plump(['nodes'], socketPath)
  expect(stdout).toBe([
    'ID      NAME        ADDRESS                  STATE   CPUS  SPEED  LOAD  JOBS  FREE MIB',
    '0x0adc  plump-0adc  192.168.10.220           alive   2     -      -     -     -         (this node)',
    '0x0a4e  plump-0a4e  192.168.10.78,10.0.0.78  alive   2     -      -     -     -',
    '0x0a56  plump-0a56  192.168.10.86            failed  2     -      -     -     -',
    '',
  ].join('\n'))
})

test('plump nodes --json is an array of members', async () => {
  const { socketPath, context } = await listeningAgent()
  context.state.set('members', [member(0), member(1)])
  const { stdout } = await plump(['nodes', '--json'], socketPath)
  expect(z.array(memberSchema).parse(JSON.parse(stdout))).toEqual([member(0), member(1)])
})

test('plump status tells addresses and what the node waits for', async () => {
  const { socketPath, context } = await listeningAgent()
  context.state.set('identity', { id: 0x0adc, address: '192.168.10.220', name: 'plump-0adc' })
  context.state.set('leases', [dhcpLease])
  context.state.setWaiting('key', { for: 'the cluster key', fix: 'type it: plump key enter' })
  const { stdout } = await plump(['status'], socketPath)
  expect(stdout).toMatch(/^Node {6}plump-0adc \(0x0adc\)\nCluster {3}plump, 1 alive\nStage {5}root\nAddress {3}192\.168\.10\.220\/24 on eth0 \(DHCP from 192\.168\.10\.1\)\nLoad /)
  expect(stdout).toContain('\nwaiting for the cluster key\n  fix: type it: plump key enter\n')
  const json = await plump(['status', '--json'], socketPath)
  expect(nodeStatusSchema.parse(JSON.parse(json.stdout))).toMatchObject({ id: 0x0adc, leases: [dhcpLease] })
})

test('plump nics names a missing module and missing firmware', async () => {
  const { socketPath, context } = await listeningAgent()
  context.state.set('nics', [
    goodNic,
    { busId: 'pci:0000:00:04.0', vendorDevice: '10ec:8168', driver: { state: 'firmware-missing', file: 'rtl_nic/rtl8168h-2.fw' }, carrier: false },
    { busId: 'usb:1-1', vendorDevice: '0bda:8153', driver: { state: 'no-module' }, carrier: false },
  ])
  const { stdout } = await plump(['nics'], socketPath)
  expect(stdout.split('\n').map((line) => line.trimEnd())).toEqual([
    'NIC   BUS ID            DEVICE     DRIVER                                  CARRIER  MBIT  MAC',
    'eth0  pci:0000:00:03.0  1af4:1000  virtio_net                              yes      1000  52:54:00:12:34:56',
    '-     pci:0000:00:04.0  10ec:8168  firmware rtl_nic/rtl8168h-2.fw missing  no       -     -',
    '-     usb:1-1           0bda:8153  no module                               no       -     -',
    '',
  ])
})

test('plump leases names the server', async () => {
  const { socketPath, context } = await listeningAgent()
  context.state.set('leases', [dhcpLease])
  expect((await plump(['leases'], socketPath)).stdout).toContain('eth0  192.168.10.220/24  192.168.10.1  192.168.10.1  3600     DHCP from 192.168.10.1')
  expect(JSON.parse((await plump(['leases', '--json'], socketPath)).stdout)).toEqual([dhcpLease])
})

test('plump log gives the last lines, as text and as entries', async () => {
  const { socketPath, context, logFile } = await listeningAgent()
  writeFileSync(logFile, '')
  context.log.named('leases').info('eth0 got 10.0.0.5')
  context.log.named('nics').warn('eth1: no module')
  appendFileSync(logFile, 'a line of some program\n')
  expect((await plump(['log', '-n', '1'], socketPath)).stdout).toBe('a line of some program\n')
  const entries = z.array(logEntrySchema).parse(JSON.parse((await plump(['log', '--json'], socketPath)).stdout))
  expect(entries).toMatchObject([
    { level: 'info', capability: 'leases', message: 'eth0 got 10.0.0.5' }, { level: 'warn', capability: 'nics', message: 'eth1: no module' }, { message: 'a line of some program' },
  ])
})

test('plump log -f goes on until it is ended', async () => {
  const { socketPath, logFile } = await listeningAgent()
  writeFileSync(logFile, 'first\n')
  const child = spawn(process.execPath, [MAIN, 'plump', 'log', '-f'], { env: { ...process.env, PLUMP_SOCKET: socketPath } })
  onTestFinished(() => void child.kill('SIGKILL'))
  let text = ''
  child.stdout.on('data', (piece: Buffer) => { text += piece.toString() })
  await until(() => text.includes('first'))
  appendFileSync(logFile, 'second\n')
  await until(() => text.includes('second'))
  expect(text).toBe('first\nsecond\n')
})

test('plump log into a reader that ends early is no error', async () => {
  const { socketPath, logFile } = await listeningAgent()
  writeFileSync(logFile, 'a long line of the log\n'.repeat(5_000))
  const shell = `"${process.execPath}" "${MAIN}" plump log -n 5000 | head -n 1`
  const { stdout, stderr } = await program('/bin/sh', ['-c', shell], { PLUMP_SOCKET: socketPath })
  expect({ stdout, stderr }).toEqual({ stdout: 'a long line of the log\n', stderr: '' })
})

test('plump key enter takes the first line of a pipe; a refused key is an error', async () => {
  const { socketPath } = await listeningAgent(keyAnswers((text) => (text === 'c2VjcmV0' ? { accepted: true } : { accepted: false, why: 'this is not base64 of 32 bytes' })))
  const good = await plump(['key', 'enter'], socketPath, 'c2VjcmV0\nmore\n')
  expect(good).toMatchObject({ exitCode: 0, stdout: 'the key was taken; plump status tells how the node goes on\n' })
  const bad = await plump(['key', 'enter'], socketPath, 'abc\n')
  expect(bad).toMatchObject({ exitCode: 1, stdout: '' })
  expect(bad.stderr).toMatch(/^error\[KEY_REFUSED\]: this is not base64 of 32 bytes\n {2}fix: /)
})

test('plump key enter on a terminal shows stars and asks again', async () => {
  const submitted: string[] = []
  const { socketPath } = await listeningAgent(keyAnswers((text) => {
    submitted.push(text)
    return text === 'right' ? { accepted: true } : { accepted: false, why: 'too short' }
  }))
  // script(1) gives it a terminal.
  const child = spawn('script', ['-qec', `"${process.execPath}" "${MAIN}" plump key enter`, '/dev/null'], { env: { ...process.env, PLUMP_SOCKET: socketPath } })
  onTestFinished(() => void child.kill('SIGKILL'))
  let text = ''
  child.stdout.on('data', (piece: Buffer) => { text += piece.toString() })
  await until(() => text.includes('Cluster key: '))
  child.stdin.write('wrom\x7fng')
  await until(() => text.includes('*****'))
  child.stdin.write('\r')
  await until(() => text.includes('not taken: too short') && text.endsWith('Cluster key: '))
  child.stdin.write('right\r')
  await until(() => text.includes('the key was taken'))
  expect(submitted).toEqual(['wrong', 'right'])
  expect(text).not.toMatch(/wro|right/)
})

test('plump version needs no agent', async () => {
  const file = join(scratchFolder(), 'node.json')
  writeFileSync(file, JSON.stringify(config))
  const run = (args: string[]) => program(process.execPath, [MAIN, 'plump', ...args], { PLUMP_NODE_JSON: file })
  expect((await run(['version'])).stdout).toBe('plump 0.1.0, image 0123456789abcdef\n')
  expect((await run(['--version'])).stdout).toBe('plump 0.1.0, image 0123456789abcdef\n')
  expect(versionSchema.parse(JSON.parse((await run(['version', '--json'])).stdout)).version).toBe('0.1.0')
})

test('plump help --json describes the verbs, or the one that was asked for', async () => {
  const all = verbListSchema.parse(JSON.parse((await plump(['help', '--json'])).stdout))
  expect(all.map(({ name }) => name)).toEqual(VERBS.map(({ name }) => name))
  expect(verbListSchema.parse(JSON.parse((await plump(['help', 'log', '--json'])).stdout))).toEqual(all.filter(({ name }) => name === 'log'))
})

test('plump help lists every verb, and each verb tells its options', async () => {
  const { stdout } = await plump(['help'])
  for (const name of ['status', 'nodes', 'nics', 'leases', 'log', 'key', 'showmap', 'version', 'help']) expect(stdout).toMatch(new RegExp(`^ +${name} +\\S`, 'm'))
  expect((await plump([])).stdout).toBe(stdout)
  const log = await plump(['help', 'log'])
  expect(log.stdout).toContain('usage: plump log [-f] [-n LINES] [--json]')
  expect(log.stdout).toMatch(/-f, --follow +\S/)
  expect((await plump(['log', '--help'])).stdout).toBe(log.stdout)
})

test.each([
  [['node'], 'plump has no verb "node"', 'did you mean: plump nodes'],
  [['help', 'stats'], 'plump has no verb "stats"', 'did you mean: plump status'],
  [['frobnicate'], 'plump has no verb "frobnicate"', 'plump help lists the verbs'],
  [['nodes', '--jsno'], 'plump nodes has no option "jsno"', 'did you mean: plump nodes --json'],
  [['status', 'now'], 'plump status does not take "now"', 'plump help status'],
  [['log', '-n', 'all'], '--lines takes a number', 'plump log --lines 100'],
  [['key'], 'plump key needs a word', 'plump key enter'],
  [['key', 'show'], 'plump key does not take "show"', 'plump key enter'],
])('wrong usage: plump %j', async (args, message, fix) => {
  const { exitCode, stdout, stderr } = await plump(args)
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
  expect(stderr).toContain(`error[USAGE]: ${message}`)
  expect(stderr).toContain(`  fix: ${fix}`)
})

test('an agent that is not there is a clear error', async () => {
  const { exitCode, stdout, stderr } = await plump(['nodes', '--json'], join(scratchFolder(), 'none.sock'))
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
  expect(stderr).toMatch(/^error\[AGENT_UNREACHABLE\]: .*\n {2}fix: .*plump\.log/)
})

test('the command line loads no npm package: they would double its start-up time', async () => {
  const { metafile } = await build({ entryPoints: [MAIN], bundle: true, write: false, metafile: true, platform: 'node', format: 'esm', logLevel: 'silent' })
  expect(Object.keys(metafile.inputs).filter((file) => file.includes('node_modules'))).toEqual([])
})

test('docs/reference/node-cli.md is what the verbs say (vitest --update writes it)', async () => {
  await expect(formatReference(VERBS, SEED_NAMES)).toMatchFileSnapshot('../../docs/reference/node-cli.md')
})

test('a line that is not in the log\'s form is kept whole', () => {
  expect(parseLogLine('2026-01-01T00:00:00.000Z info nics: a: b')).toEqual({ time: '2026-01-01T00:00:00.000Z', level: 'info', capability: 'nics', message: 'a: b' })
  expect(parseLogLine('2026-01-01T00:00:00.000Z debug nics: x')).toEqual({ message: '2026-01-01T00:00:00.000Z debug nics: x' })
})

test('the nearest name', () => {
  expect(nearest('ndoes', ['nodes', 'nics', 'log'])).toBe('nodes')
  expect(nearest('xyzzy', ['nodes', 'nics', 'log'])).toBeUndefined()
  expect(nearest('', [])).toBeUndefined()
})

interface Outcome {
  exitCode: number
  stdout: string
  stderr: string
}

function plump(args: readonly string[], socketPath = '/nonexistent/agent.sock', input = ''): Promise<Outcome> {
  return program(process.execPath, [MAIN, '/usr/bin/plump', ...args], { PLUMP_SOCKET: socketPath }, input)
}

function program(file: string, args: readonly string[], env: Record<string, string>, input = ''): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(file, args, { env: { ...process.env, ...env }, encoding: 'utf8' }, (error, stdout, stderr) => {
      resolve({ exitCode: typeof error?.code === 'number' ? error.code : 0, stdout, stderr })
    })
    child.stdin?.end(input)
  })
}
