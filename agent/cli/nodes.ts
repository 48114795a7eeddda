import type { Member } from '../../schema/node-state.ts'
import { formatNodeId } from '../api/describe.ts'
import { ask } from './agent-client.ts'
import { formatTable } from './table.ts'
import { jsonOption } from './verb.ts'
import type { Verb } from './verb.ts'

export const nodes: Verb = {
  name: 'nodes',
  usage: '[--json]',
  summary: 'the nodes of the cluster and whether they are alive',
  details: 'Lists every member this node knows, itself first. A failed member stopped answering; it is tried again for 7 days.',
  options: { json: jsonOption },
  wordsLimit: 0,
  async run({ options, print, socketPath }) {
    const answer = await ask(socketPath, 'nodes')
    if (options.json === true) print(JSON.stringify(answer, null, 2))
    else print(answer.length === 0 ? 'no nodes yet: this one has no address (plump status tells why)' : formatNodes(answer))
  },
}

/** The table of `plump nodes`. */
function formatNodes(members: readonly Member[]): string {
  return formatTable(['ID', 'NAME', 'ADDRESS', 'STATE', 'CPUS', ''], members.map((member) => [
    formatNodeId(member.id), member.name, member.addresses.join(','), member.state,
    String(member.cpus ?? '-'), member.self ? '(this node)' : '',
  ]))
}
