import { existsSync, readFileSync } from 'node:fs'
import { uptime } from 'node:os'
import { parsePackageList, PACKAGE_FOLDERS } from '../../schema/package-list.ts'
import { packageReportSchema } from '../../schema/package-report.ts'
import { openLog } from '../log.ts'
import { kernelConsoles, writeToConsoles } from '../os/consoles.ts'
import { readTextIfThere, writeAtomically } from '../os/files.ts'
import { describePackage } from './describe.ts'
import { stillToUnpack, withOutcome } from './still-to-unpack.ts'
import { unpackPackage } from './unpack-package.ts'

/**
 * Unpacks the packages of packages/list over the root, in list order, one console line each. etc/plump/boot runs it before init starts
 * anything, and only when there is a list. Whatever goes wrong with a package is told, and the boot goes on.
 *
 * `--late`: a second round, run by usr/lib/plump/settle when a partition PLUMPDATA appeared only after the first.
 */

const ROOT = '/'
const REPORT = '/run/plump/packages.json'
/** The medium's own list, then one on the data partition. */
const LISTS = [`${PACKAGE_FOLDERS.cdrom}/list`, `${PACKAGE_FOLDERS.data}/list`]
/** What packages brought, from the first round to the second. */
const BROUGHT = '/run/plump/packages.brought'
const LIST_LIMIT_BYTES = 1_000_000

async function main(): Promise<void> {
  const isLate = process.argv.includes('--late')
  let report = isLate ? packageReportSchema.parse(JSON.parse(readTextIfThere(REPORT) ?? '[]')) : []
  const earlier = report
  /** Paths that packages have brought so far: a later one may replace them. */
  const brought = new Set(isLate ? (readTextIfThere(BROUGHT) ?? '').split('\0') : [])
  for (const list of LISTS.filter((file) => existsSync(file))) {
    const { lines, problems } = readList(list)
    for (const { line, text, why } of problems) tell(`plump: packages/list line ${line} is passed over: ${text}: ${why}`)
    for (const line of stillToUnpack(lines, earlier)) {
      const unpacked = await unpackPackage(line, { root: ROOT, brought })
      report = withOutcome(report, unpacked)
      tell(describePackage(unpacked, uptime()))
      writeAtomically(REPORT, JSON.stringify(report))
    }
  }
  if (!existsSync(PACKAGE_FOLDERS.data)) writeAtomically(BROUGHT, [...brought].join('\0'))
}

function readList(file: string): ReturnType<typeof parsePackageList> {
  try {
    return parsePackageList(readFileSync(file, 'utf8').slice(0, LIST_LIMIT_BYTES))
  } catch (error) {
    tell(`plump: ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}; compare the medium with its checksum`)
    return { lines: [], problems: [] }
  }
}

function tell(line: string): void {
  openLog('packages').info(line)
  writeToConsoles(kernelConsoles(), line)
}

main().catch((error: unknown) => {
  tell(`plump: packages: bug: ${error instanceof Error ? error.stack ?? error.message : String(error)}`)
  process.exitCode = 1
})
