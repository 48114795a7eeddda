import type { Lease } from '../../schema/node-state.ts'
import { leaseOrigin } from '../api/describe.ts'
import { ask } from './agent-client.ts'
import { formatTable } from './table.ts'
import { jsonOption } from './verb.ts'
import type { Verb } from './verb.ts'

export const leases: Verb = {
  name: 'leases',
  usage: '[--json]',
  summary: 'the addresses in use and where they come from',
  details: 'Lists each address of this node with its interface, gateway, name servers and the DHCP server that gave it.',
  options: { json: jsonOption },
  wordsLimit: 0,
  async run({ options, print, socketPath }) {
    const answer = await ask(socketPath, 'leases')
    if (options.json === true) print(JSON.stringify(answer, null, 2))
    else print(answer.length === 0 ? 'no address yet (plump status tells why)' : formatLeases(answer))
  },
}

/** The table of `plump leases`. */
function formatLeases(all: readonly Lease[]): string {
  return formatTable(['NIC', 'ADDRESS', 'GATEWAY', 'DNS', 'SECONDS', 'FROM'], all.map((lease) => [
    lease.interface, `${lease.address}/${lease.prefixLength}`, lease.gateway ?? '-', lease.dns.join(',') || '-',
    String(lease.leaseSeconds ?? '-'), leaseOrigin(lease),
  ]))
}
