import type { Member } from '../../schema/node-state.ts'
import { NodeError } from '../api/node-error.ts'

/** The member that `text` names; this node when nothing is said. Throws NodeError NO_SUCH_NODE. */
export function findMember(members: readonly Member[], text: string | undefined): Member {
  const id = text !== undefined && /^(0x[0-9a-f]{1,4}|\d{1,5})$/i.test(text) ? Number(text) : undefined
  const found = members.find((member) => (text === undefined ? member.self : member.id === id || member.name === text || member.addresses.includes(text)))
  if (found) return found
  throw new NodeError('NO_SUCH_NODE', text === undefined ? 'this node has no id yet' : `no member is called ${text}`, 'plump nodes lists them')
}
