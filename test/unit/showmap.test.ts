import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { clusterMap, formatMap } from '../../agent/cli/showmap.ts'
import { clusterMapSchema } from '../../schema/api.ts'
import { listeningAgent, member } from './api-helpers.ts'

const MAIN = join(import.meta.dirname, '../../agent/cli/main.ts')

test('the columns are those of the seed (openMosix HOWTO, 5.1)', () => {
  expect(formatMap(clusterMap([member(0), member(1), member(2), member(3), member(4)]))).toBe([
    'My Node-Id: 0x0adc',
    'Base Node-Id Address          Count',
    '------------ ---------------- -----',
    '0x0adc       192.168.10.220   1',
    '0x0a4e       192.168.10.78    1',
    '0x0a56       192.168.10.86    1',
    '0x0a43       192.168.10.67    1',
    '0x0a4a       192.168.10.74    1',
  ].join('\n'))
})

test('members that are not alive are not in the map', () => {
  expect(clusterMap([member(0), member(1, 'failed'), member(2, 'left'), member(3)]).map.map(({ base }) => base)).toEqual([0x0adc, 0x0a43])
})

test('a node without an id says so', () => {
  expect(() => clusterMap([])).toThrow('no id yet')
})

test('called by its own name it is a program of its own', async () => {
  const { socketPath, context } = await listeningAgent()
  context.state.set('members', [member(0), member(1)])
  const run = async (args: string[]) => (await promisify(execFile)(process.execPath, [MAIN, ...args], { env: { ...process.env, PLUMP_SOCKET: socketPath } })).stdout
  expect(await run(['/usr/bin/showmap'])).toContain('0x0a4e       192.168.10.78    1\n')
  expect(await run(['plump', 'showmap'])).toBe(await run(['showmap']))
  expect(clusterMapSchema.parse(JSON.parse(await run(['showmap', '--json'])))).toEqual({
    myNodeId: 0x0adc, map: [{ base: 0x0adc, address: '192.168.10.220', count: 1 }, { base: 0x0a4e, address: '192.168.10.78', count: 1 }],
  })
})
