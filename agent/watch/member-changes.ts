import type { Member } from '../../schema/node-state.ts'
import type { WatchEvent } from '../../schema/watch.ts'

type MemberEvent = Omit<Extract<WatchEvent, { event: 'member' }>, 'time'>

/** Who came, failed, left or came back between two looks at the members. */
export function memberChanges(before: readonly Member[], now: readonly Member[]): MemberEvent[] {
  const states = new Map(before.map(({ id, state }) => [id, state]))
  const here = new Set(now.map(({ id }) => id))
  return [
    ...now.flatMap(({ id, name, state }): MemberEvent[] => (states.get(id) === state ? [] : [{ event: 'member', node: id, name, state }])),
    ...before.flatMap(({ id, name, state }): MemberEvent[] => (here.has(id) || state === 'left' ? [] : [{ event: 'member', node: id, name, state: 'left' }])),
  ]
}
