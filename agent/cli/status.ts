import type { NodeStatus } from '../../schema/node-state.ts'
import { formatMemory, formatNodeId, formatUptime, leaseOrigin } from '../api/describe.ts'
import { ask } from './agent-client.ts'
import { jsonOption } from './verb.ts'
import type { Verb } from './verb.ts'

export const status: Verb = {
  name: 'status',
  usage: '[--json]',
  summary: 'this node: name, id, stage, addresses, load, memory, what it waits for',
  details: 'Tells how far this node has come and, when something is missing, what it waits for and how to help it.',
  options: { json: jsonOption },
  wordsLimit: 0,
  async run({ options, print, socketPath }) {
    const answer = await ask(socketPath, 'status')
    print(options.json === true ? JSON.stringify(answer, null, 2) : formatStatus(answer))
  },
}

/** The lines of `plump status`. */
function formatStatus(status: NodeStatus): string {
  const id = status.id === undefined ? 'no id before the first address' : formatNodeId(status.id)
  const addresses = status.leases.map((lease) => `${lease.address}/${lease.prefixLength} on ${lease.interface} (${leaseOrigin(lease)})`)
  const facts: [string, string][] = [
    ['Node', `${status.name} (${id})`],
    ['Cluster', `${status.cluster}, ${status.members} alive`],
    ['Stage', status.stage],
    ...addresses.map((address): [string, string] => ['Address', address]),
    ['Load', status.load.toFixed(2)],
    ['Memory', formatMemory(status.memoryUsedKiB, status.memoryTotalKiB)],
    ['Up', formatUptime(status.uptimeSeconds)],
    ['Version', status.version],
  ]
  const lines = facts.map(([name, value]) => `${name.padEnd(10)}${value}`)
  for (const waiting of status.waiting) lines.push(`waiting for ${waiting.for}`, `  fix: ${waiting.fix}`)
  return lines.join('\n')
}
