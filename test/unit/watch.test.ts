import { describe, expect, test } from 'vitest'
import { describeEvent } from '../../agent/cli/watch.ts'
import { memberChanges } from '../../agent/watch/member-changes.ts'
import { startWatch } from '../../agent/watch/watch.ts'
import { watchEventSchema, type WatchEvent } from '../../schema/watch.ts'
import { member, testAgent } from './api-helpers.ts'

const time = '2026-01-01T00:00:00.000Z'

describe('what happens to members', () => {
  test('one that comes, fails, leaves or is forgotten is told of, one that stays is not', () => {
    expect(memberChanges([member(0), member(1)], [member(0), member(1, 'failed'), member(2)])).toMatchObject([{ node: member(1).id, state: 'failed' }, { node: member(2).id, state: 'alive' }])
    expect(memberChanges([member(0), member(1)], [member(0)])).toMatchObject([{ node: member(1).id, state: 'left' }])
    expect(memberChanges([member(0), member(1, 'left')], [member(0)])).toEqual([])
  })
})

test('watchers of this node hear what is told and of changes of members and of the pool, until they end', async () => {
  const { context } = testAgent()
  context.state.set('identity', { id: 2780, address: '192.168.10.220', name: 'plump-0adc' })
  const watch = startWatch(context, { serve: () => undefined, open: () => Promise.reject(new Error('nobody')) } as never)
  const events: WatchEvent[] = []
  const ended = new AbortController()
  const watching = watch.answers.watch({ request: 'watch', all: false }, (event) => events.push(event), ended.signal)
  watch.tell({ event: 'move', job: '0adc-1', from: 2780, to: 2638, freezeMs: 600 })
  context.state.set('members', [member(0)])
  context.state.set('pool', { ...context.state.get('pool'), state: 'out', why: 'by plump pool leave' })
  ended.abort()
  await watching
  watch.tell({ event: 'move', job: '0adc-2', from: 2780, to: 2638, freezeMs: 600 })
  expect(events.map(({ event }) => event)).toEqual(['move', 'member', 'pool'])
  for (const event of events) expect(watchEventSchema.safeParse(event).success).toBe(true)
})

test.each<[WatchEvent, string]>([
  [{ event: 'member', time, node: 2780, name: 'plump-0adc', state: 'failed' }, 'member 0x0adc (plump-0adc) is failed'],
  [{ event: 'move', time, job: '0adc-1', from: 2780, to: 2638, freezeMs: 612 }, 'move 0adc-1 0x0adc -> 0x0a4e, froze 612 ms'],
  [{ event: 'refusal', time, job: '0adc-1', from: 2780, to: 2638, why: 'it takes no guests' }, 'refusal 0adc-1 0x0adc -> 0x0a4e: it takes no guests'],
  [{ event: 'pool', time, node: 2780, state: 'in', why: 'it is idle' }, 'pool 0x0adc is in: it is idle'],
])('%j reads "%s"', (event, text) => {
  expect(describeEvent(event)).toBe(text)
})
