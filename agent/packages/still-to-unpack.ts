import type { PackageLine } from '../../schema/package-list.ts'
import type { UnpackedPackage } from '../../schema/package-report.ts'

/**
 * The lines of a list that a second round has to do, when a partition PLUMPDATA appeared after the first: those nobody dealt with yet, and
 * those whose archive was missing. What was unpacked, refused or broken stays so.
 */
export function stillToUnpack(lines: readonly PackageLine[], report: readonly UnpackedPackage[]): PackageLine[] {
  const dealtWith = new Set(report.filter(({ state }) => state !== 'missing').map(({ source }) => source))
  return lines.filter(({ source }) => !dealtWith.has(source))
}

/** The report with what became of a package: in the place where it was missing, else at the end. */
export function withOutcome(report: readonly UnpackedPackage[], outcome: UnpackedPackage): UnpackedPackage[] {
  const at = report.findIndex(({ source, state }) => source === outcome.source && state === 'missing')
  return at === -1 ? [...report, outcome] : report.with(at, outcome)
}
