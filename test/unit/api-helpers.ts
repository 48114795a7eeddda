import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { startApi } from '../../agent/api/api.ts'
import type { ApiAnswers } from '../../agent/api/answers.ts'
import type { ApiOptions } from '../../agent/api/api.ts'
import type { AgentContext } from '../../agent/capability.ts'
import { openLog } from '../../agent/log.ts'
import { StateStore } from '../../agent/state.ts'
import { apiAnswerSchema } from '../../schema/api.ts'
import type { ApiAnswer } from '../../schema/api.ts'
import type { NodeJson } from '../../schema/node-json.ts'
import type { Lease, Member, NicReport } from '../../schema/node-state.ts'

export const config: NodeJson = {
  version: '0.1.0',
  imageId: '0123456789abcdef',
  name: 'plump',
  cluster: { name: 'plump', key: 'embed', seeds: [], rotationHours: 24 },
  network: { static: [], bonds: [], vlans: [], dns: [], ntp: [] },
  pool: { role: 'full', roles: [], schedule: [], timeZone: 'UTC', idle: { minutes: 0, load: 0.3 } },
  console: { shell: true },
  ssh: { authorizedKeys: [] },
}

export const dhcpLease: Lease = {
  interface: 'eth0', kind: 'dhcp', address: '192.168.10.220', prefixLength: 24, gateway: '192.168.10.1', dns: ['192.168.10.1'], ntp: [], server: '192.168.10.1', leaseSeconds: 3600,
}

export const goodNic: NicReport = {
  interface: 'eth0', mac: '52:54:00:12:34:56', busId: 'pci:0000:00:03.0', vendorDevice: '1af4:1000', driver: { state: 'bound', module: 'virtio_net' }, carrier: true, speedMbps: 1000,
}

/** The seed's own example (openMosix HOWTO, 5.1), as member `index` of five. */
export function member(index: number, state: Member['state'] = 'alive'): Member {
  const last = [220, 78, 86, 67, 74][index] ?? 0
  const id = 0x0a00 + last
  return { id, name: `plump-0${id.toString(16)}`, addresses: [`192.168.10.${last}`], state, cpus: 2, self: index === 0 }
}

/** A folder for one test, gone after it. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'plump-unit-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export interface TestAgent {
  context: AgentContext
  folder: string
  socketPath: string
  logFile: string
}

/** A context with the real state store and log, in a folder of its own. */
export function testAgent(): TestAgent {
  const folder = scratchFolder()
  const logFile = join(folder, 'plump.log')
  const context: AgentContext = {
    config, keys: undefined, state: new StateStore(), log: openLog('test', logFile), stage: () => undefined, nowMs: () => performance.now(),
  }
  return { context, folder, socketPath: join(folder, 'agent.sock'), logFile }
}

/** The same with its API started and answering, `answers` besides what it answers by itself. */
export async function listeningAgent(answers: Partial<ApiAnswers> = {}, options: ApiOptions = {}): Promise<TestAgent> {
  const agent = testAgent()
  const api = startApi(agent.context, { socketPath: agent.socketPath, logFile: agent.logFile, ...options })
  api.serve(answers)
  onTestFinished(() => api.stop())
  await untilAnswered(agent.socketPath)
  return agent
}

/** Sends bytes, closes its side, and gives all answers. */
export function exchange(socketPath: string, bytes: string): Promise<ApiAnswer[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath, () => socket.end(bytes))
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (piece: string) => { text += piece })
    socket.on('error', reject)
    socket.on('close', () => resolve(text.split('\n').slice(0, -1).map((line) => apiAnswerSchema.parse(JSON.parse(line)))))
  })
}

export async function untilAnswered(socketPath: string): Promise<void> {
  await until(() => exchange(socketPath, '{"request":"leases"}\n').then((answers) => answers.length === 1, () => false))
}

/** Tries `condition` until it holds; fails after 10 s. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!await condition()) {
    if (performance.now() > deadline) throw new Error(`not within 10 s: ${String(condition)}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
