import type { NodeJson } from '../../schema/node-json.ts'
import type { Member, NodeStatus, Waiting } from '../../schema/node-state.ts'
import type { NodeState, StateStore } from '../state.ts'
import type { ProcFigures } from './proc-figures.ts'

/** The part of the node's state that {@link nodeStatus} and {@link nodeMembers} read. */
export type StatusState = Pick<NodeState, 'leases' | 'identity' | 'members' | 'stage' | 'waiting'>

/** The state of this moment as plain data. */
export function statusState(store: StateStore): StatusState {
  return {
    leases: store.get('leases'),
    identity: store.get('identity'),
    members: store.get('members'),
    stage: store.get('stage'),
    waiting: store.get('waiting'),
  }
}

/** What `plump status` and the status screen tell of this node. */
export function nodeStatus(config: NodeJson, state: StatusState, figures: ProcFigures): NodeStatus {
  return {
    version: config.version,
    name: state.identity?.name ?? config.name,
    cluster: config.cluster.name,
    stage: state.stage,
    ...(state.identity === undefined ? {} : { id: state.identity.id, address: state.identity.address }),
    leases: [...state.leases],
    members: nodeMembers(state).filter((member) => member.state === 'alive').length,
    ...figures,
    waiting: Object.values(state.waiting).filter((waiting): waiting is Waiting => waiting !== undefined),
  }
}

/**
 * The members this node knows: itself first, then by id. A node that has an address is a member of its own cluster of
 * one even before Serf runs.
 */
export function nodeMembers(state: Pick<StatusState, 'identity' | 'leases' | 'members'>): Member[] {
  const known = [...state.members]
  if (state.identity !== undefined && !known.some((member) => member.self)) {
    const { id, name, address } = state.identity
    known.push({ id, name, addresses: [address], state: 'alive', self: true })
  }
  return known.sort((a, b) => Number(b.self) - Number(a.self) || a.id - b.id || a.name.localeCompare(b.name))
}
