import { existsSync, readFileSync } from 'node:fs'
import type { UnpackedPackage } from '../../schema/package-report.ts'
import { NodeError } from '../api/node-error.ts'
import { formatTable } from './table.ts'
import { jsonOption } from './verb.ts'
import type { Verb } from './verb.ts'

export const packages: Verb = {
  name: 'packages',
  usage: '[--json]',
  summary: 'the add-on packages that were unpacked when this node booted',
  details: [
    'Lists what became of each line of packages/list: unpacked, refused (an entry breaks a rule), missing or broken, and why.',
    'It works without the agent.',
  ].join('\n'),
  options: { json: jsonOption },
  wordsLimit: 0,
  run({ options, print, packagesPath }) {
    const report = readReport(packagesPath)
    if (options.json === true) print(JSON.stringify(report, null, 2))
    else print(report.length === 0 ? 'no add-on packages' : formatReport(report))
    return Promise.resolve()
  },
}

/** The table of `plump packages`. */
function formatReport(report: readonly UnpackedPackage[]): string {
  return formatTable(['PACKAGE', 'STATE', 'FILES', 'VERSION', 'WHAT'], report.map(({ source, state, files, metadata, entry, why }) => [
    source, state, String(files), metadata?.version ?? '-', [metadata?.description, entry, why].filter((text) => text !== undefined && text !== '').join(': '),
  ]))
}

/** What the unpacking at boot wrote; a node without a list has no report. Throws NodeError PACKAGES for one that cannot be read. */
function readReport(file: string): UnpackedPackage[] {
  if (!existsSync(file)) return []
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as UnpackedPackage[]
  } catch (error) {
    throw new NodeError('PACKAGES', `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`, 'restart the node')
  }
}
