import { NodeError } from '../api/node-error.ts'
import type { NodeId } from '../../schema/node-state.ts'

/**
 * The seed's map of a cluster (openMosix HOWTO, 4.4.2): a line for each range of nodes, `ID ADDRESS COUNT`. Ids and the last byte of the address count up
 * together. ALIAS, or 0, in place of the count gives another address of a node whose id is on a line of its own.
 */

/** A node of the map with all its addresses, the first being the one on its own line; names are not resolved yet. */
export interface MappedNode {
  id: NodeId
  hosts: string[]
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.|$)){4}$/
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/i
export const MAP_NODES_LIMIT = 1_024
export const MAP_LIMIT_BYTES = 256 * 1_024

/** The nodes of a map by their ids. Throws NodeError BAD_MAP with the line that is wrong. */
export function parseClusterMap(text: string): MappedNode[] {
  if (text.length > MAP_LIMIT_BYTES) throw badMap(`it has ${text.length} characters; ${MAP_LIMIT_BYTES} are the limit`)
  const lines = text.split(/\r?\n/).map((line, index) => ({ number: index + 1, words: line.replace(/#.*$/, '').trim().split(/\s+/).filter((word) => word !== '') }))
    .filter(({ words }) => words.length > 0)
  const nodes = new Map<NodeId, MappedNode>()
  const owners = new Map<string, NodeId>()
  const add = (line: number, id: NodeId, host: string): void => {
    const owner = owners.get(host)
    if (owner !== undefined) throw badMap(`line ${line}: ${host} is node ${owner}'s already`)
    owners.set(host, id)
    nodes.get(id)?.hosts.push(host)
  }
  for (const { number, words } of lines) {
    const { id, host, count } = parseLine(number, words)
    if (count === 0) continue
    for (let index = 0; index < count; index++) {
      if (nodes.has(id + index)) throw badMap(`line ${number}: node ${id + index} is on an earlier line`)
      if (nodes.size >= MAP_NODES_LIMIT) throw badMap(`line ${number}: more than ${MAP_NODES_LIMIT} nodes`)
      nodes.set(id + index, { id: id + index, hosts: [] })
      add(number, id + index, countUp(number, host, index))
    }
  }
  // Aliases may stand before the line of their node.
  for (const { number, words } of lines) {
    const { id, host, count } = parseLine(number, words)
    if (count !== 0) continue
    if (!nodes.has(id)) throw badMap(`line ${number}: ALIAS of node ${id}, which has no line of its own`)
    add(number, id, host)
  }
  if (nodes.size === 0) throw badMap('it names no node')
  return [...nodes.values()].toSorted((one, other) => one.id - other.id)
}

function parseLine(number: number, [id = '', host = '', count = '', ...more]: readonly string[]): { id: NodeId; host: string; count: number } {
  if (count === '' || more.length > 0) throw badMap(`line ${number}: three words are expected: id, address, count or ALIAS`)
  const first = /^\d{1,5}$/.test(id) ? Number(id) : 0
  if (first < 1 || first > 0xffff) throw badMap(`line ${number}: "${id}" is no node id; it is a number from 1 to 65535`)
  // What looks like an address is one, or a mistake.
  if (!IPV4.test(host) && (/^[\d.]+$/.test(host) || !HOST_NAME.test(host))) throw badMap(`line ${number}: "${host}" is no IPv4 address and no host name`)
  const nodes = /^alias$/i.test(count) ? 0 : /^\d{1,5}$/.test(count) ? Number(count) : Number.NaN
  if (!(nodes >= 0 && first + nodes - 1 <= 0xffff)) throw badMap(`line ${number}: "${count}" is no count of nodes, and not ALIAS`)
  return { id: first, host: host.toLowerCase(), count: nodes }
}

/** The address of the node `index` places further in a range. */
function countUp(line: number, host: string, index: number): string {
  if (index === 0) return host
  if (!IPV4.test(host)) throw badMap(`line ${line}: a range of nodes needs an address, not a name`)
  const parts = host.split('.')
  const last = Number(parts[3]) + index
  if (last > 255) throw badMap(`line ${line}: the range goes beyond ${parts.slice(0, 3).join('.')}.255`)
  return [...parts.slice(0, 3), last].join('.')
}

function badMap(why: string): NodeError {
  return new NodeError('BAD_MAP', `the map is not well-formed: ${why}`, 'a line is: ID ADDRESS COUNT, or ID ADDRESS ALIAS; plump help setpe has an example')
}

/** The map as text: one line a node, or a range where ids and addresses count up together, and an ALIAS line for each further address. */
export function formatClusterMap(nodes: readonly MappedNode[]): string {
  const sorted = nodes.filter(({ hosts }) => hosts.length > 0).toSorted((one, other) => one.id - other.id)
  const ranges: { id: NodeId; host: string; count: number }[] = []
  for (const { id, hosts: [host = ''] } of sorted) {
    const range = ranges.at(-1)
    if (range && range.id + range.count === id && IPV4.test(range.host) && isNext(range.host, range.count, host)) range.count += 1
    else ranges.push({ id, host, count: 1 })
  }
  const row = (id: NodeId, host: string, last: string): string => `${String(id).padEnd(7)} ${host.padEnd(15)} ${last}`
  return [
    ...ranges.map(({ id, host, count }) => row(id, host, String(count))),
    ...sorted.flatMap(({ id, hosts }) => hosts.slice(1).map((host) => row(id, host, 'ALIAS'))),
  ].join('\n')
}

function isNext(first: string, index: number, host: string): boolean {
  const parts = first.split('.')
  return Number(parts[3]) + index <= 255 && host === [...parts.slice(0, 3), Number(parts[3]) + index].join('.')
}
