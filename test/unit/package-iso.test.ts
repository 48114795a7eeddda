import { expect, test } from 'vitest'
import { addOnSoftware } from '../../builder/packages/archive-record.ts'
import { parseListing } from '../../builder/packages/squashfs-look-up.ts'
import { imageId, imageIdWithPackages } from '../../builder/image/image-id.ts'
import { spdxDocument } from '../../builder/record/spdx.ts'
import { withSoftware } from '../../builder/record/spdx-change.ts'

test('what is in a squashfs is read from its listing: folders, files, links, device nodes, names with blanks', () => {
  const listing = [
    'drwxr-xr-x root/root               120 2026-01-01 00:00 squashfs-root',
    'lrwxrwxrwx root/root                 7 2026-01-01 00:00 squashfs-root/bin -> usr/bin',
    'drwxr-xr-x root/root               120 2026-01-01 00:00 squashfs-root/usr/bin',
    '-rwxr-xr-x root/root          98765432 2026-01-01 00:00 squashfs-root/usr/bin/a b',
    'crw-rw-rw- root/root             1,  3 2026-01-01 00:00 squashfs-root/dev/null',
  ].join('\n')
  expect([...parseListing(listing)]).toEqual([
    ['bin', { kind: 'link', target: 'usr/bin' }], ['usr/bin', { kind: 'folder' }], ['usr/bin/a b', { kind: 'file' }], ['dev/null', { kind: 'file' }],
  ])
})

test('an image without packages keeps its id, every package changes it', () => {
  const base = imageId({ root: 'a' })
  expect(imageIdWithPackages(base, {})).toBe(base)
  const lists: Record<string, string>[] = [{ 'packages/list': 'a' }, { 'packages/list': 'b' }, { 'packages/list': 'a', 'packages/x.tar': 'c' }]
  const ids = lists.map((packages) => imageIdWithPackages(base, packages))
  expect(new Set([base, ...ids]).size).toBe(4)
})

test('an SBOM that gets a package is the one a build with it would have written', () => {
  const archive = { name: 'tools.tar.gz', sha256: 'c'.repeat(64), bytes: 1, unpackedBytes: 1, files: 1, starts: [], metadata: { name: 'zod', version: '1', description: '' }, refused: [] }
  const document = (sha256: string, others: Parameters<typeof spdxDocument>[0]['others']): object => spdxDocument({
    version: '1.0.0', iso: { name: 'plump.iso', sha256 }, epochSeconds: 0, suite: 'trixie', debian: [], copyrights: new Map(), others,
  })
  const zod = { name: 'zod', version: '4', license: 'MIT', purl: 'pkg:npm/zod@4' }
  const before = JSON.parse(JSON.stringify(document('a'.repeat(64), [zod]))) as unknown
  const after = withSoftware(before, 'b'.repeat(64), addOnSoftware(archive))
  expect(after).toEqual(document('b'.repeat(64), [zod, addOnSoftware(archive)]))
  expect(withSoftware(after, 'b'.repeat(64), addOnSoftware(archive))).toEqual(after)
})
