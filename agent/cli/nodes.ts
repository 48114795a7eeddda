import type { Loads, NodeRow } from '../../schema/balance-api.ts'
import type { LoadEntry, SeenLoad } from '../../schema/load.ts'
import type { Member } from '../../schema/node-state.ts'
import { formatNodeId } from '../api/describe.ts'
import { ask } from './agent-client.ts'
import { formatTable } from './table.ts'
import { jsonOption } from './verb.ts'
import type { Verb } from './verb.ts'

export const nodes: Verb = {
  name: 'nodes',
  usage: '[--ages] [--json]',
  summary: 'the nodes of the cluster, whether they are alive, and their load',
  details: 'Lists every member this node knows, itself first. A failed member stopped answering; it is tried again for 7 days. Load, speed and memory are what the node last told; --ages shows how long ago that was.',
  options: { ages: { type: 'boolean', help: 'show how old each node\'s figures are' }, json: jsonOption },
  wordsLimit: 0,
  async run({ options, print, socketPath }) {
    const rows = nodeRows(await ask(socketPath, 'nodes'), await ask(socketPath, 'loads'))
    if (options.json === true) print(JSON.stringify(rows, null, 2))
    else print(rows.length === 0 ? 'no nodes yet: this one has no address (plump status tells why)' : formatNodes(rows, options.ages === true))
  },
}

/** Members with their loads; figures of a node that is not alive any more are left out. */
export function nodeRows(members: readonly Member[], loads: Loads): NodeRow[] {
  const told = new Map<number, SeenLoad>(loads.others.map((load) => [load.id, load]))
  return members.map((member) => {
    const load: (LoadEntry & { ageMs: number }) | undefined = member.self ? loads.self && { ...loads.self, ageMs: 0 } : told.get(member.id)
    if (load === undefined || member.state !== 'alive') return member
    const { speed, jobs, memoryTotalKiB, memoryFreeKiB, utilisation, takes, ageMs } = load
    return { ...member, cpus: load.cpus, speed, load: load.load, jobs, memoryTotalKiB, memoryFreeKiB, utilisation, takes, ageMs }
  })
}

/** The table of `plump nodes`. */
function formatNodes(rows: readonly NodeRow[], ages: boolean): string {
  const header = ['ID', 'NAME', 'ADDRESS', 'STATE', 'CPUS', 'SPEED', 'LOAD', 'JOBS', 'FREE MIB', ...(ages ? ['AGE'] : []), '']
  return formatTable(header, rows.map((row) => [
    formatNodeId(row.id), row.name, row.addresses.join(','), row.state, String(row.cpus ?? '-'), String(row.speed ?? '-'), row.load?.toFixed(2) ?? '-', String(row.jobs ?? '-'),
    row.memoryFreeKiB === undefined ? '-' : String(Math.round(row.memoryFreeKiB / 1024)),
    ...(ages ? [row.ageMs === undefined ? '-' : `${(row.ageMs / 1_000).toFixed(1)} s`] : []), row.self ? '(this node)' : '',
  ]))
}
