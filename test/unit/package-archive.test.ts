import { mkdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { describePackage } from '../../agent/packages/describe.ts'
import { linesToAdd } from '../../agent/packages/start-programs.ts'
import { unpackPackage } from '../../agent/packages/unpack-package.ts'
import { run } from '../../builder/os/run.ts'
import { addToFolder, removeFromFolder } from '../../builder/packages/change-folder.ts'
import { inspectArchive } from '../../builder/packages/inspect-archive.ts'
import { makeArchive } from '../../builder/packages/make-archive.ts'
import { packageOverview } from '../../builder/packages/overview.ts'
import { readPackagesFolder } from '../../builder/packages/packages-folder.ts'
import { fileSha256 } from '../../builder/pipeline/tree-digest.ts'
import { readArchive } from '../../schema/package-archive.ts'
import { packageOverviewSchema } from '../../schema/add-on-package.ts'
import { unpackedPackageSchema } from '../../schema/package-report.ts'
import type { PackageLine } from '../../schema/package-list.ts'
import { temporaryFolder } from './pipeline-helpers.ts'

const EPOCH = 1_700_000_000
const freely = { lookUp: () => undefined, mayReplace: false }

/** A package of every kind of entry, with metadata. */
function makeTree(): string {
  const tree = join(temporaryFolder(), 'hello')
  for (const folder of ['usr/bin', 'etc/plump/start.d', 'usr/share/plump/packages', 'var/empty']) mkdirSync(join(tree, folder), { recursive: true })
  writeFileSync(join(tree, 'usr/bin/hello'), '#!/bin/sh\necho hello\n', { mode: 0o755 })
  writeFileSync(join(tree, 'etc/plump/start.d/hello'), '#!/bin/sh\n', { mode: 0o755 })
  writeFileSync(join(tree, 'usr/share/plump/packages/hello.json'), '{"name":"hello","version":"1.0","description":"says hello"}')
  writeFileSync(join(tree, 'usr/big'), Buffer.alloc(3_000_000, 'plump '))
  symlinkSync('hello', join(tree, 'usr/bin/hallo'))
  return tree
}

async function makeTarball(ending: string): Promise<string> {
  const file = join(temporaryFolder(), `hello${ending}`)
  const tar = file.slice(0, file.indexOf('.tar') + 4)
  const tree = makeTree()
  if (ending === '.tar.gz' || ending === '.tgz') await run('tar', ['-C', tree, '-czf', file, '.'])
  else await run('tar', ['-C', tree, '-cf', tar, '.'])
  if (ending === '.tar.xz') await run('xz', [tar])
  if (ending === '.tar.zst') writeFileSync(file, zstdCompressSync(readFileSync(tar)))
  return file
}

function lineOf(path: string): PackageLine {
  return { source: `cdrom:${basename(path)}`, form: 'cdrom', name: basename(path), path, mayReplace: false, line: 1 }
}

describe.each(['.tar.gz', '.tgz', '.tar', '.tar.xz', '.tar.zst'])('a %s', (ending) => {
  test('is unpacked with its modes, links and metadata', async () => {
    const root = temporaryFolder()
    const unpacked = await unpackPackage(lineOf(await makeTarball(ending)), { root, brought: new Set() })
    expect(unpackedPackageSchema.parse(unpacked)).toMatchObject({
      state: 'unpacked', files: 5, starts: ['hello'], metadata: { name: 'hello', version: '1.0', description: 'says hello' },
    })
    expect(await run(join(root, 'usr/bin/hallo'), [])).toBe('hello')
    expect(statSync(join(root, 'usr/big')).size).toBe(3_000_000)
    expect(statSync(join(root, 'var/empty')).isDirectory()).toBe(true)
  })

  test('that is cut short is broken, and leaves nothing behind', async () => {
    const file = await makeTarball(ending)
    writeFileSync(file, readFileSync(file).subarray(0, -Math.ceil(statSync(file).size / 3)))
    const root = temporaryFolder()
    expect(await unpackPackage(lineOf(file), { root, brought: new Set() })).toMatchObject({ state: 'broken' })
    expect(await run('find', [root])).toBe(root)
    await expect(inspectArchive(file, freely)).rejects.toMatchObject({ code: 'PACKAGE_BROKEN' })
  })
})

test('an archive that is empty, or none at all, is broken', async () => {
  for (const [name, text] of [['empty.tar.gz', ''], ['text.tar', 'no archive'.repeat(100)], ['text.tar.xz', 'no archive'], ['text.tar.zst', 'no archive']] as const) {
    const file = join(temporaryFolder(), name)
    writeFileSync(file, text)
    await expect(readArchive(file, () => undefined)).rejects.toThrow(/./)
  }
})

test('a refused package is named with its entry, and nothing of it is unpacked', async () => {
  const tree = makeTree()
  symlinkSync('../../../../outside', join(tree, 'zlink'))
  const file = join(temporaryFolder(), 'evil.tar')
  await run('tar', ['-C', tree, '-cf', file, '.'])
  const root = temporaryFolder()
  const unpacked = await unpackPackage(lineOf(file), { root, brought: new Set() })
  expect(describePackage(unpacked, 4.2)).toBe('plump: package t=4.20 cdrom:evil.tar refused because of ./zlink: a link that leaves the root: ../../../../outside')
  expect(await run('find', [root])).toBe(root)
})

test('a file that ran as another owner does not run as root', async () => {
  const tree = temporaryFolder()
  writeFileSync(join(tree, 'sudo'), '', { mode: 0o755 })
  const file = join(temporaryFolder(), 'suid.tar')
  await run('tar', ['-C', tree, '--owner=1000', '--mode=4755', '-cf', file, 'sudo'])
  const root = temporaryFolder()
  await unpackPackage(lineOf(file), { root, brought: new Set() })
  expect(statSync(join(root, 'sudo')).mode & 0o7777).toBe(0o755)
})

test('a later package replaces what an earlier one brought', async () => {
  const root = temporaryFolder()
  const brought = new Set<string>()
  const file = await makeTarball('.tar')
  await unpackPackage(lineOf(file), { root, brought })
  expect(await unpackPackage(lineOf(file), { root, brought })).toMatchObject({ state: 'unpacked' })
})

test('make gives the same bytes for the same files, whatever their dates, owners and the umask', async () => {
  const folder = temporaryFolder()
  const [one, two] = [makeTree(), makeTree()]
  utimesSync(join(two, 'usr/bin/hello'), 1, 1)
  await run('chmod', ['-R', 'g-rwx,o-rwx', two])
  await makeArchive(one, join(folder, 'one.tar.gz'), EPOCH)
  await makeArchive(two, join(folder, 'two.tar.gz'), EPOCH)
  expect(await fileSha256(join(folder, 'two.tar.gz'))).toBe(await fileSha256(join(folder, 'one.tar.gz')))
  expect(await inspectArchive(join(folder, 'one.tar.gz'), freely)).toMatchObject({ files: 5, refused: [], starts: ['hello'] })
})

test('add, list and remove keep folder and list together', async () => {
  const folder = join(temporaryFolder(), 'packages')
  await addToFolder(folder, makeTree(), { mayReplace: false, epochSeconds: EPOCH })
  await addToFolder(folder, await makeTarball('.tar.xz'), { mayReplace: true, epochSeconds: EPOCH })
  const found = await readPackagesFolder(folder)
  expect(found.lines.map(({ source, mayReplace }) => [source, mayReplace])).toEqual([['cdrom:hello.tar.gz', false], ['cdrom:hello.tar.xz', true]])
  expect(packageOverviewSchema.parse(await packageOverview(found))).toMatchObject([{ name: 'hello.tar.gz', archive: { metadata: { version: '1.0' } } }, { name: 'hello.tar.xz' }])
  expect(await removeFromFolder(folder, 'hello')).toEqual(['hello.tar.gz', 'hello.tar.xz'])
  expect(await readPackagesFolder(folder)).toMatchObject({ lines: [], archives: [] })
  await expect(removeFromFolder(folder, 'hello')).rejects.toMatchObject({ code: 'NO_PACKAGE_FILE' })
})

test('a list that names what is not there, or what is no line, is an error with its line', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'list'), 'data:elsewhere.tar\ncdrom:gone.tar.gz\n')
  await expect(readPackagesFolder(folder)).rejects.toMatchObject({ code: 'PACKAGE_MISSING', message: expect.stringContaining('list:2: cdrom:gone.tar.gz') as string })
  writeFileSync(join(folder, 'list'), '\nnonsense\n')
  await expect(readPackagesFolder(folder)).rejects.toMatchObject({ code: 'PACKAGE_LIST', message: expect.stringContaining('list:2: nonsense') as string })
})

test('programs to start become lines of inittab, each once and by name', () => {
  expect(linesToAdd(['b', 'a', '.hidden', 'a b'], '::sysinit:/etc/plump/boot\n')).toBe('::respawn:/usr/lib/plump/respawn start.d/a\n::respawn:/usr/lib/plump/respawn start.d/b\n')
  expect(linesToAdd(['a'], '::respawn:/usr/lib/plump/respawn start.d/a\n')).toBe('')
})
