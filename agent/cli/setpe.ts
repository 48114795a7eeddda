import { promises as dns } from 'node:dns'
import { readFileSync, writeFileSync } from 'node:fs'
import type { StaticMembers } from '../../schema/admin-api.ts'
import { NodeError } from '../api/node-error.ts'
import { formatClusterMap, parseClusterMap, type MappedNode } from '../members/cluster-map.ts'
import { ask } from './agent-client.ts'
import { UsageError } from './usage-error.ts'
import type { Verb } from './verb.ts'

export const setpe: Verb = {
  name: 'setpe',
  usage: '-w -f FILE | -r [-f FILE] | -off',
  summary: 'name the members by a map file, for networks without multicast, in the manner of openMosix',
  details: [
    '-w -f FILE   joins the nodes that the map in FILE names, again and again until they are members; this node takes the id that the map gives it',
    '-r           prints the map of the members that are alive, or writes it to FILE',
    '-off         forgets the map; who is a member stays one',
    'A line of a map is ID ADDRESS COUNT: COUNT nodes, whose ids and last bytes of the address count up together. ALIAS in place of',
    'COUNT gives a node another address. # begins a comment. The map lasts until the node is switched off. As an example:',
    '    1    192.168.1.1     10',
    '    11   fileserver      1',
    '    11   192.168.2.11    ALIAS',
  ].join('\n'),
  options: {
    write: { type: 'boolean', short: 'w', help: 'read the map from FILE and take it' },
    read: { type: 'boolean', short: 'r', help: 'tell the map as it is' },
    file: { type: 'string', short: 'f', help: 'the map file' },
    off: { type: 'boolean', short: 'o', help: 'forget the map (-off)' },
  },
  wordsLimit: 0,
  async run({ options: { write, read, file, off }, print, socketPath }) {
    if ([write, read, off].filter((each) => each === true).length !== 1 || (write === true && typeof file !== 'string')) throw new UsageError('setpe needs one of -w -f FILE, -r, -off', 'plump help setpe')
    if (write === true) {
      const { ownId, members } = await ask(socketPath, 'set-map', { members: await resolved(parseClusterMap(textOf(String(file)))) })
      print(`${members.length} nodes named; this one is node ${ownId}`)
    } else if (off === true) {
      await ask(socketPath, 'set-map', { members: [] })
      print('no nodes named')
    } else {
      const alive = (await ask(socketPath, 'nodes')).filter((member) => member.state === 'alive')
      const text = formatClusterMap(alive.map(({ id, addresses }) => ({ id, hosts: addresses })))
      if (typeof file === 'string') writeFileSync(file, `${text}\n`)
      else print(text)
    }
  },
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new NodeError('MAP_UNREADABLE', `the map ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`, 'name another file with -f')
  }
}

/** Names become addresses here, where /etc/hosts and the name servers of this moment are at hand. */
async function resolved(nodes: readonly MappedNode[]): Promise<StaticMembers> {
  return await Promise.all(nodes.map(async ({ id, hosts }) => ({ id, addresses: await Promise.all(hosts.map(resolveHost)) })))
}

async function resolveHost(host: string): Promise<string> {
  try {
    return (await dns.lookup(host, { family: 4 })).address
  } catch {
    throw new NodeError('NO_SUCH_HOST', `${host}, which the map names, has no IPv4 address here`, 'write the address into the map, or the name into /etc/hosts')
  }
}
