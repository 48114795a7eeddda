import type { ClusterMap } from '../../schema/api.ts'
import type { Member } from '../../schema/node-state.ts'
import { formatNodeId } from '../api/describe.ts'
import { NodeError } from '../api/node-error.ts'
import { ask } from './agent-client.ts'
import { jsonOption } from './verb.ts'
import type { Verb } from './verb.ts'

export const showmap: Verb = {
  name: 'showmap',
  usage: '[--json]',
  summary: 'the cluster\'s map as openMosix printed it',
  details: 'Prints this node\'s id and the nodes that are alive, in the columns of openMosix. Those that failed are told by plump nodes.',
  options: { json: jsonOption },
  wordsLimit: 0,
  async run({ options, print, socketPath }) {
    const map = clusterMap(await ask(socketPath, 'nodes'))
    print(options.json === true ? JSON.stringify(map, null, 2) : formatMap(map))
  },
}

/** The members that are alive as openMosix's map, this node first. Throws NodeError NO_NODE_ID before the first address. */
export function clusterMap(members: readonly Member[]): ClusterMap {
  const self = members.find((member) => member.self)
  if (self === undefined) {
    throw new NodeError('NO_NODE_ID', 'this node has no id yet, because it has no address', 'plump status tells what it waits for')
  }
  const alive = [self, ...members.filter((member) => member.state === 'alive' && !member.self)]
  return { myNodeId: self.id, map: alive.map(({ id, addresses }) => ({ base: id, address: addresses[0] ?? '0.0.0.0', count: 1 })) }
}

/** The seed's columns (openMosix HOWTO, 5.1): 12, 16 and 5 wide, one blank apart. */
export function formatMap({ myNodeId, map }: ClusterMap): string {
  return [
    `My Node-Id: ${formatNodeId(myNodeId)}`,
    'Base Node-Id Address          Count',
    '------------ ---------------- -----',
    ...map.map(({ base, address, count }) => `${formatNodeId(base).padEnd(12)} ${address.padEnd(16)} ${count}`),
  ].join('\n')
}
