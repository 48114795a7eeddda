import type { NodeId } from '../../schema/node-state.ts'

/** The same ends as nodeIdOf: 10.42.0.0 and 10.42.255.255 are no mesh address of a node. */
const LOWEST_ID = 1
const HIGHEST_ID = 0xfffe

/** A member's hold on its id. */
export interface IdClaim {
  serfName: string
  id: NodeId
  /** Unix seconds, see MemberTags. */
  born: number
}

/**
 * The id a node should have, seeing the `others` of its cluster that are alive: its own, unless an older member has the same one; then the
 * next that nobody uses. `reserved` are ids of members that are away and may come back.
 *
 * Whatever the order in which views arrive, all end up with distinct ids: the oldest never moves, and once the n oldest have settled the next
 * one moves at most to an id free of theirs.
 */
export function settleId(self: IdClaim, others: readonly IdClaim[], reserved: readonly NodeId[] = []): NodeId {
  if (!others.some((other) => other.id === self.id && isOlder(other, self))) return self.id
  return nextFreeId(self.id, new Set([...others.map((other) => other.id), ...reserved]))
}

function isOlder(one: IdClaim, other: IdClaim): boolean {
  return one.born === other.born ? one.serfName < other.serfName : one.born < other.born
}

/** The first id after `id`, going round, that is not `taken`; `id` itself when every other one is. */
export function nextFreeId(id: NodeId, taken: ReadonlySet<NodeId>): NodeId {
  for (let step = 1; step < HIGHEST_ID; step++) {
    const candidate = LOWEST_ID + (id - LOWEST_ID + step) % (HIGHEST_ID - LOWEST_ID + 1)
    if (!taken.has(candidate)) return candidate
  }
  return id
}
