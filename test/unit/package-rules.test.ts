import { lstatSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lookUpIn } from '../../agent/packages/look-up.ts'
import { placeEntry } from '../../agent/packages/place-entry.ts'
import { pathsBelow } from '../../builder/pipeline/tree-digest.ts'
import { openPackageCheck, type ArchiveEntry, type Placement, type Present } from '../../schema/package-rules.ts'
import { temporaryFolder } from './pipeline-helpers.ts'

/** A small root: merged /usr, a program, a busybox applet, a setting. */
const ROOT: Readonly<Record<string, Present>> = {
  'usr': { kind: 'folder' }, 'usr/bin': { kind: 'folder' }, 'usr/lib': { kind: 'folder' }, 'usr/lib/plump': { kind: 'folder' }, 'etc': { kind: 'folder' },
  'etc/plump': { kind: 'folder' }, 'tmp': { kind: 'folder' }, 'run': { kind: 'folder' },
  'bin': { kind: 'link', target: 'usr/bin' }, 'lib': { kind: 'link', target: 'usr/lib' }, 'usr/bin/vi': { kind: 'link', target: '/usr/bin/busybox' },
  'usr/bin/node': { kind: 'file' }, 'usr/bin/busybox': { kind: 'file' }, 'etc/hosts': { kind: 'file' }, 'etc/inittab': { kind: 'file' }, 'etc/plump/boot': { kind: 'file' },
}

function entry(path: string, kind: ArchiveEntry['kind'] = 'file', rest: Partial<ArchiveEntry> = {}): ArchiveEntry {
  return { path, kind, target: '', mode: 0o755, uid: 0, gid: 0, bytes: 1, mtimeSeconds: 0, ...rest }
}

function judge(entries: readonly ArchiveEntry[], mayReplace = false): Placement[] {
  return entries.map(openPackageCheck({ lookUp: (path) => ROOT[path], mayReplace }))
}

const why = (entries: readonly ArchiveEntry[], mayReplace = false): string | undefined => {
  const last = judge(entries, mayReplace).at(-1)
  return last?.state === 'refused' ? last.why : undefined
}

describe('refused', () => {
  test.each<[string, ArchiveEntry[], RegExp]>([
    ['an absolute path', [entry('/etc/x')], /absolute/],
    ['a path with ..', [entry('etc/../../x')], /with \.\./],
    ['a relative link that leaves the root', [entry('etc/a', 'link', { target: '../../x' })], /leaves the root/],
    ['a file through a link that leaves the root by another link', [entry('a', 'link', { target: 'usr/bin' }), entry('b', 'link', { target: 'a/..' }), entry('c', 'link', { target: 'b/../x' }), entry('b/../f')], /with \.\./],
    ['a device node', [entry('dev/sda', 'device')], /device node/],
    ['a named pipe', [entry('opt/p', 'fifo')], /named pipe/],
    ['an entry of unknown kind', [entry('opt/p', 'unknown')], /not supported/],
    ['a program of the node', [entry('usr/bin/node')], /replaces a program/],
    ['the same through merged /usr', [entry('./bin/node')], /replaces a program file of the node, \/usr\/bin\/node/],
    ['the same through a link of the package', [entry('opt/here', 'link', { target: '/bin' }), entry('opt/here/node')], /replaces a program/],
    ['an applet of busybox', [entry('bin/vi')], /replaces a program/],
    ['a link of merged /usr', [entry('bin', 'link', { target: 'opt' })], /replaces a program/],
    ['init\'s table', [entry('etc/inittab')], /replaces a program/],
    ['a new file among the node\'s own', [entry('usr/lib/plump/serve-x')], /replaces a program/],
    ['the cluster key', [entry('etc/plump/cluster.key')], /replaces a program/],
    ['kernel modules', [entry('lib/modules/6.12/x.ko')], /replaces a program/],
    ['something in /run', [entry('run/plump/x')], /not part/],
    ['the same through a link', [entry('opt/r', 'link', { target: '/run' }), entry('opt/r/x')], /not part/],
    ['a link in a circle', [entry('a', 'link', { target: 'b' }), entry('b', 'link', { target: 'a' }), entry('a/x')], /circle/],
    ['a file in place of a folder', [entry('usr')], /is a folder/],
    ['a folder in place of a file', [entry('etc/hosts', 'folder')], /is a file/],
    ['a path through a file', [entry('etc/hosts/x')], /is a file/],
    ['a hard link to a file of the node', [entry('opt/h', 'hard link', { target: 'etc/hosts' })], /hard link/],
    ['a hard link that leaves the root', [entry('opt/h', 'hard link', { target: '../x' })], /with \.\./],
    ['control characters', [entry('opt/\u001b[2J')], /control character/],
    ['control characters in a target', [entry('opt/a', 'link', { target: 'a\nb' })], /control character/],
    ['a program to start that is none', [entry('etc/plump/start.d/x', 'file', { mode: 0o644 })], /not executable/],
    ['a program to start with blanks in its name', [entry('etc/plump/start.d/a b')], /names have/],
    ['more than 4 GiB', [entry('opt/big', 'file', { bytes: 5e9 })], /4 GiB/],
  ])('%s', (_, entries, reason) => {
    expect(why(entries)).toMatch(reason)
  })
})

describe('accepted', () => {
  test('files, folders and links of a common archive', () => {
    const placed = judge([
      entry('./', 'folder'), entry('./bin/', 'folder'), entry('./bin/hello'), entry('./usr/bin/hallo', 'hard link', { target: './bin/hello' }),
      entry('etc/hosts'), entry('etc/plump/start.d/hello'), entry('lib/libx.so', 'link', { target: 'libx.so.1' }), entry('opt/deep/er/x'), entry('usr/local', 'link', { target: '../opt' }),
    ])
    expect(placed).toEqual([
      { state: 'present', path: '' }, { state: 'present', path: 'usr/bin' }, { state: 'placed', path: 'usr/bin/hello', target: '' },
      { state: 'placed', path: 'usr/bin/hallo', target: 'usr/bin/hello' }, { state: 'placed', path: 'etc/hosts', target: '' },
      { state: 'placed', path: 'etc/plump/start.d/hello', target: '' }, { state: 'placed', path: 'usr/lib/libx.so', target: 'libx.so.1' },
      { state: 'placed', path: 'opt/deep/er/x', target: '' }, { state: 'placed', path: 'usr/local', target: '../opt' },
    ])
  })

  test('replacing a program, when the list says !', () => {
    expect(why([entry('usr/bin/node')], true)).toBeUndefined()
    expect(why([entry('../usr/bin/node')], true)).toMatch(/with \.\./)
  })

  test('replacing what an earlier package brought', () => {
    const check = openPackageCheck({ lookUp: (path) => (path === 'usr/bin/x' ? { kind: 'file', byPackage: true } : ROOT[path]), mayReplace: false })
    expect(check(entry('bin/x'))).toEqual({ state: 'placed', path: 'usr/bin/x', target: '' })
  })
})

describe('whatever an archive holds', () => {
  const name = fc.constantFrom('a', 'b', 'bin', 'usr', 'etc', 'plump', 'x', '..', '.', 'node', 'start.d')
  const path = fc.tuple(fc.constantFrom('', '', '', '/'), fc.array(name, { minLength: 1, maxLength: 5 })).map(([lead, parts]) => `${lead}${parts.join('/')}`)
  const archive = fc.array(fc.record({ path, kind: fc.constantFrom<ArchiveEntry['kind']>('file', 'file', 'folder', 'link', 'link', 'hard link'), target: path }), { maxLength: 8 })

  test('what is unpacked stays in the root and leaves the node\'s own programs alone', async () => {
    await fc.assert(fc.asyncProperty(archive, async (entries) => {
      const top = temporaryFolder()
      const root = join(top, 'a', 'root')
      makeRealRoot(root)
      const outside = await snapshot(top, root)
      const own = ['usr/bin/node', 'etc/plump/boot', 'etc/inittab'].map((file) => readFileSync(join(root, file), 'utf8'))
      const check = openPackageCheck({ lookUp: (at) => lookUpIn(root, at), mayReplace: false })
      for (const each of entries) {
        const whole = entry(each.path, each.kind, { target: each.target })
        const placement = check(whole)
        if (placement.state === 'placed') await placeEntry(root, whole, placement, (async function* () { yield Buffer.from('package') })())
      }
      expect(await snapshot(top, root)).toEqual(outside)
      expect(['usr/bin/node', 'etc/plump/boot', 'etc/inittab'].map((file) => readFileSync(join(root, file), 'utf8'))).toEqual(own)
      expect(readlinkSync(join(root, 'bin'))).toBe('usr/bin')
    }), { numRuns: 200 })
  })
})

/** Files, so that a test of what was written over can see it; absolute targets of links are the machine's, so nothing may be written through them. */
function makeRealRoot(root: string): void {
  for (const [path, present] of Object.entries(ROOT)) {
    if (present.kind === 'folder') mkdirSync(join(root, path), { recursive: true })
    if (present.kind !== 'file') continue
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), `own ${path}`)
  }
  symlinkSync('usr/bin', join(root, 'bin'))
}

/** Everything below `top` but `root`, links not followed: paths with contents. */
async function snapshot(top: string, root: string): Promise<string[]> {
  const paths = (await pathsBelow(top)).filter((path) => !join(top, path).startsWith(`${root}/`))
  return paths.map((path) => (lstatSync(join(top, path)).isFile() ? `${path} ${readFileSync(join(top, path), 'utf8')}` : path))
}
