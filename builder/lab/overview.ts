import { existsSync, readFileSync } from 'node:fs'
import type { LabStatus } from './control-protocol.ts'
import { summarise } from './stage-log.ts'

/** One row of `lab ls`; with `--json` an array of these. */
export interface NodeRow {
  node: number
  state: 'running' | 'off' | 'cut'
  stage: string | undefined
  id: string | undefined
  address: string | undefined
  members: string | undefined
  nics: { model: string; mac: string; network: number | null; wired: boolean; carrier: boolean }[]
}

/** What there is to know of each node: the supervisor's view joined with the stage lines of its serial log. */
export function labRows(status: LabStatus): NodeRow[] {
  return status.nodes.map((node) => {
    const cut = node.nics.some((nic) => nic.network !== null && !nic.wired)
    const { stage, id, address, members } = summarise(existsSync(node.serialLog) ? readFileSync(node.serialLog, 'utf8') : '')
    return {
      node: node.node,
      state: node.state === 'running' && cut ? 'cut' : node.state,
      stage, id, address, members,
      nics: node.nics.map(({ model, mac, network, wired, carrier }) => ({ model, mac, network, wired, carrier })),
    }
  })
}

/** The rows as a table with a heading. */
export function formatRows(rows: readonly NodeRow[]): string {
  const cells = rows.map((row) => [
    String(row.node), row.state, row.stage ?? '-', row.id ?? '-', row.address ?? '-', row.members ?? '-',
    row.nics.map((nic) => `${nic.model} ${nic.mac}${nic.network === null ? ' unplugged' : nic.network === 0 ? '' : ` net ${nic.network}`}`).join(', '),
  ])
  const table = [['NODE', 'STATE', 'STAGE', 'ID', 'ADDRESS', 'MEMBERS', 'NICS'], ...cells]
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((line) => (line[column] ?? '').length)))
  return table.map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()).join('\n')
}

/** The words of `lab exec N -- WORD…` as one shell line: a single word is a line already, several are quoted. */
export function shellLine([first, ...rest]: readonly string[]): string {
  // commander leaves the separator in when the words after it are passed through.
  const words = first === '--' || first === undefined ? rest : [first, ...rest]
  if (words.length === 1) return words[0] ?? ''
  return words.map((word) => (/^[A-Za-z0-9_./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ')
}
