import type { Member, NodeId } from '../../schema/node-state.ts'

/**
 * Whose clock a node follows: time servers when one of them answers, else the first member: of the live members with the lowest ids the
 * one that runs longest, so that all choose the same. Age is told by each member in seconds since its boot, never by a date: a node whose
 * clock is wrong by years must neither win nor lose by that. Pure; clock.ts asks and acts.
 */

/** How many members are asked; more would cost a large cluster more packets and give it nothing. */
const CANDIDATES_LIMIT = 8

/** What a node says of its clock in the stratum of its answers. */
export const STRATUM = {
  /** It follows a time server. */
  server: 5,
  /** Its clock runs by itself, and it has the right to be followed. */
  own: 10,
  /** It follows a member, and is not to be followed. */
  member: 12,
} as const

export interface Candidate {
  id: NodeId
  /** undefined for this node itself. */
  address: string | undefined
}

/** What a candidate answered. */
export interface Claim extends Candidate {
  stratum: number
  /** How long its node has been running. */
  runningMs: number
}

export type TimeSource =
  | { from: 'servers'; servers: string[] }
  | { from: 'member'; id: NodeId; address: string }
  /** Nobody to follow, or others follow this node. */
  | { from: 'own' }

/** The members to ask: the live ones with the lowest ids. This node is among them or not, like any other. */
export function candidates(members: readonly Member[]): Candidate[] {
  return members.filter((member) => member.state === 'alive' && (member.self || member.addresses[0] !== undefined))
    .toSorted((one, other) => one.id - other.id)
    .slice(0, CANDIDATES_LIMIT)
    .map(({ id, self, addresses }) => ({ id, address: self ? undefined : addresses[0] }))
}

/** The source to use: servers that answered, else the best of the claims (this node's own included, when it is a candidate). */
export function chooseSource(servers: readonly string[], claims: readonly Claim[]): TimeSource {
  if (servers.length > 0) return { from: 'servers', servers: [...servers] }
  const [best] = claims.filter(({ stratum }) => stratum < STRATUM.member)
    .toSorted((one, other) => one.stratum - other.stratum || other.runningMs - one.runningMs || one.id - other.id)
  return best?.address === undefined ? { from: 'own' } : { from: 'member', id: best.id, address: best.address }
}

/** The configuration of openntpd for a source; undefined when none is to run. */
export function ntpdConfig(source: TimeSource): string | undefined {
  switch (source.from) {
    case 'servers': return source.servers.map((server) => `server ${server}\n`).join('')
    case 'member': return `server ${source.address}\n`
    case 'own': return undefined
  }
}
