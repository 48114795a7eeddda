import type { NicReport } from '../../schema/node-state.ts'
import { describeDriver } from '../api/describe.ts'
import { ask } from './agent-client.ts'
import { formatTable } from './table.ts'
import { jsonOption } from './verb.ts'
import type { Verb } from './verb.ts'

export const nics: Verb = {
  name: 'nics',
  usage: '[--json]',
  summary: 'the network cards, their drivers and links',
  details: 'Lists every network card found on any bus: its driver, or "no module" or "firmware FILE missing", and whether it has a carrier.',
  options: { json: jsonOption },
  wordsLimit: 0,
  async run({ options, print, socketPath }) {
    const answer = await ask(socketPath, 'nics')
    if (options.json === true) print(JSON.stringify(answer, null, 2))
    else print(answer.length === 0 ? 'no network card was found' : formatNics(answer))
  },
}

/** The table of `plump nics`. */
function formatNics(reports: readonly NicReport[]): string {
  return formatTable(['NIC', 'BUS ID', 'DEVICE', 'DRIVER', 'CARRIER', 'MBIT', 'MAC'], reports.map((nic) => [
    nic.interface ?? '-', nic.busId, nic.vendorDevice ?? '-', describeDriver(nic), nic.carrier ? 'yes' : 'no',
    String(nic.speedMbps ?? '-'), nic.mac ?? '-',
  ]))
}
