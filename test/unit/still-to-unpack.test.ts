import { expect, test } from 'vitest'
import { stillToUnpack, withOutcome } from '../../agent/packages/still-to-unpack.ts'
import { parsePackageList } from '../../schema/package-list.ts'
import type { UnpackedPackage } from '../../schema/package-report.ts'

const outcome = (source: string, state: UnpackedPackage['state']): UnpackedPackage => ({ source, state, files: 0, bytes: 0, starts: [] })

test('a second round does what was missing and what nobody dealt with, in list order', () => {
  const { lines } = parsePackageList('cdrom:a.tar\ndata:b.tar\ncdrom:c.tar\ndata:d.tar\ncdrom:e.tar\n')
  const report = [outcome('cdrom:a.tar', 'unpacked'), outcome('data:b.tar', 'missing'), outcome('cdrom:c.tar', 'refused'), outcome('cdrom:e.tar', 'broken')]
  expect(stillToUnpack(lines, report).map(({ source }) => source)).toEqual(['data:b.tar', 'data:d.tar'])
  expect(stillToUnpack(lines, [])).toEqual(lines)
})

test('the report tells of a package once, in list order, whenever it came', () => {
  const report = [outcome('cdrom:a.tar', 'unpacked'), outcome('data:b.tar', 'missing'), outcome('cdrom:c.tar', 'unpacked')]
  expect(withOutcome(report, outcome('data:b.tar', 'unpacked')).map(({ source, state }) => `${source} ${state}`)).toEqual(['cdrom:a.tar unpacked', 'data:b.tar unpacked', 'cdrom:c.tar unpacked'])
  // A package that is listed twice is unpacked twice, and told of twice.
  expect(withOutcome(report, outcome('cdrom:a.tar', 'unpacked'))).toHaveLength(4)
})
