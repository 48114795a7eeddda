import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { withoutPackage, withPackage } from '../../builder/packages/edit-list.ts'
import { packageBaseName, parsePackageList } from '../../schema/package-list.ts'

describe('packages/list', () => {
  test('has the seed\'s two forms, data:, comments, blank lines and !', () => {
    const { lines, problems } = parsePackageList([
      '# tools', '', '/cdrom/packages/openssl.tar.gz', 'cdrom:openssl.tgz   # again', ' data:tools.tar.zst', '!cdrom:fix.tar', '/root/own.tar.xz\r',
    ].join('\n'))
    expect(problems).toEqual([])
    expect(lines.map(({ form, path, mayReplace, line }) => [line, form, path, mayReplace])).toEqual([
      [3, 'cdrom', '/run/plump/medium/packages/openssl.tar.gz', false],
      [4, 'cdrom', '/run/plump/medium/packages/openssl.tgz', false],
      [5, 'data', '/run/plump/data/packages/tools.tar.zst', false],
      [6, 'cdrom', '/run/plump/medium/packages/fix.tar', true],
      [7, 'path', '/root/own.tar.xz', false],
    ])
  })

  test.each([
    ['openssl.tar.gz', 'neither /PATH'],
    ['cdrom:../x.tar.gz', 'no file name'],
    ['cdrom:sub/x.tar.gz', 'no file name'],
    ['data:x.zip', 'no file name'],
    ['cdrom:.tar.gz', 'no file name'],
    ['/cdrom/../etc/x.tar', 'no . or ..'],
    ['/a b/x.tar', 'letters, digits'],
  ])('%s is a problem, told with its line, and the other lines count', (text, why) => {
    const { lines, problems } = parsePackageList(`cdrom:a.tar\n${text}\n`)
    expect(lines.map(({ name }) => name)).toEqual(['a.tar'])
    expect(problems).toEqual([{ line: 2, text, why: expect.stringContaining(why) as string }])
  })

  test('is read whatever is in it, and names no path outside its folders', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', '.', '/', ':', '!', '#', '\n', ' ', 'cdrom:', 'data:', '.tar.gz', '/cdrom/') }), (text) => {
      for (const { path, form } of parsePackageList(text).lines) {
        expect(path.split('/')).not.toContain('..')
        if (form !== 'path') expect(path).toMatch(/^\/run\/plump\/(medium|data)\/packages\/[^/]+$/)
      }
    }))
  })

  test('an added package is listed once, at its old place, and removing it takes every line of it out', () => {
    fc.assert(fc.property(fc.array(fc.constantFrom('# note', '', 'cdrom:a.tar', '!cdrom:b.tgz', '/cdrom/packages/c.tar', 'data:a.tar')), fc.boolean(), (rows, mayReplace) => {
      const before = rows.length === 0 ? undefined : `${rows.join('\n')}\n`
      const added = withPackage(before, 'c.tar', mayReplace)
      const found = parsePackageList(added).lines.filter(({ name }) => name === 'c.tar')
      expect(found[0]).toMatchObject({ form: 'cdrom', mayReplace })
      expect(found.length).toBe(Math.max(1, rows.filter((row) => row.includes('c.tar')).length))
      const removed = withoutPackage(added, 'c.tar')
      expect(parsePackageList(removed).lines).toEqual(parsePackageList(rows.filter((row) => !row.includes('c.tar')).join('\n')).lines.map((line) => ({ ...line, line: expect.any(Number) as number })))
    }))
  })
})

test('the ending of an archive is not part of its name', () => {
  expect(['a.tar.gz', 'a.tgz', 'a.tar', 'a.tar.xz', 'a.tar.zst', 'a.b-1.0.tar.gz', 'a.zip', '.tar', 'ä.tar'].map(packageBaseName)).toEqual(['a', 'a', 'a', 'a', 'a', 'a.b-1.0', undefined, undefined, undefined])
})
