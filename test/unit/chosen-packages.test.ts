import { lstatSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { neededFor, withCompanions } from '../../builder/debian/chosen-packages.ts'
import { linkLibraries } from '../../builder/debian/library-folders.ts'
import { accountLines, chooseAlternatives, readPostinst, readSysusers } from '../../builder/debian/maintainer-scripts.ts'
import { whyLeftOut, whyLeftOutOfChosen } from '../../builder/debian/unpack-filter.ts'
import { temporaryFolder } from './pipeline-helpers.ts'

test('a compiler brings the headers that Debian only recommends; others come as they are', () => {
  expect(withCompanions(['gcc', 'perl'])).toEqual(['gcc', 'perl', 'libc6-dev'])
  expect(withCompanions(['gcc-14', 'libc6-dev'])).toEqual(['gcc-14', 'libc6-dev'])
  expect(withCompanions(['gcc-doc'])).toEqual(['gcc-doc'])
})

test('perl-base and libraries that packages run with are needed as soon as there are packages of the user\'s, and what they name themselves', () => {
  expect(neededFor(['python3'])).toEqual(['libpam-modules', 'libpam-runtime', 'libpam0g', 'libsystemd0', 'libudev1', 'perl-base'])
  expect(neededFor(['dpkg', 'perl'])).toEqual(['dpkg', 'libpam-modules', 'libpam-runtime', 'libpam0g', 'libsystemd0', 'libudev1', 'perl-base'])
})

describe('a maintainer script', () => {
  test('gcc\'s sets alternatives, over several lines and with a comment in them', () => {
    const script = [
      '#! /bin/sh', 'update-alternatives --quiet \\', '    --install /usr/bin/cc cc /usr/bin/gcc 20 \\', '    #--slave /usr/share/man/man1/cc.1.gz cc.1.gz /usr/share/man/man1/gcc.1.gz',
      '', 'update-alternatives --quiet \\', '    --install /usr/bin/c99 c99 /usr/bin/c99-gcc 20 \\', '    --slave /usr/share/man/man1/c99.1.gz c99.1.gz /usr/share/man/man1/c99-gcc.1.gz',
    ].join('\n')
    expect(readPostinst('gcc', script)).toEqual({
      alternatives: [{ link: '/usr/bin/cc', target: '/usr/bin/gcc', priority: 20 }, { link: '/usr/bin/c99', target: '/usr/bin/c99-gcc', priority: 20 }], users: [], left: [],
    })
  })

  test('users and groups with plain names are made, others are told of', () => {
    const found = readPostinst('x', 'adduser --system --group --home /var/lib/x --quiet _x >/dev/null\naddgroup --system "$GROUP"\ngroupadd -r xusers')
    expect(found.users).toEqual([{ name: '_x', kind: 'user', home: '/var/lib/x' }, { name: 'xusers', kind: 'group', home: '/nonexistent' }])
    expect(found.left).toEqual(['it makes users or groups whose names only it knows'])
  })

  test.each([
    ['deb-systemd-helper enable x.service', /service/], ['. /usr/share/debconf/confmodule\ndb_get x/y', /settings/], ['chown x:x /var/lib/x', /owners/],
    ['mkdir -p /var/lib/x', /files/], ['update-ca-certificates', /cache/], ['update-alternatives --install /usr/bin/$name x /usr/bin/y 1', /alternatives/],
  ])('%s is told of', (script, what) => {
    expect(readPostinst('x', script).left.join()).toMatch(what)
  })

  test('what is only in a comment, or was read and found harmless, is not', () => {
    expect(readPostinst('x', '# chown root /etc/x\n').left).toEqual([])
    expect(readPostinst('tzdata', 'db_get tzdata/Areas').left).toEqual([])
  })
})

test('of alternatives the highest priority wins, of equals the first by name', () => {
  const to = (target: string, priority: number): { link: string; target: string; priority: number } => ({ link: '/usr/bin/awk', target, priority })
  expect(chooseAlternatives([to('/usr/bin/mawk', 5), to('/usr/bin/gawk', 10), to('/usr/bin/original-awk', 0)])).toEqual([to('/usr/bin/gawk', 10)])
  expect(chooseAlternatives([to('/b', 1), to('/a', 1)])).toEqual([to('/a', 1)])
})

test('users of sysusers.d and of scripts get ids in the order of their names, whoever asks first', () => {
  const users = [...readSysusers('# a comment\nu! messagebus - "System Message Bus" /run/dbus\ng render -\nu _x 5 "X"\n'), { name: 'root', kind: 'user' as const, home: '/' }]
  const lines = accountLines(users, new Set(['root']))
  expect(lines.group).toEqual(['_x:x:100:', 'messagebus:x:101:', 'render:x:102:'])
  expect(lines.passwd).toEqual(['_x:x:100:100:_x:/nonexistent:/usr/sbin/nologin', 'messagebus:x:101:101:messagebus:/run/dbus:/usr/sbin/nologin'])
  expect(accountLines(users.toReversed(), new Set(['root']))).toEqual(lines)
})

test('a library in a folder of its own gets a link where the linker looks, unless one is there', async () => {
  const root = temporaryFolder()
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  put('etc/ld.so.conf.d/x.conf', '# libraries\n/usr/lib/x86_64-linux-gnu\n/lib/x86_64-linux-gnu/own\n')
  put('usr/lib/x86_64-linux-gnu/libtaken.so.1', 'first')
  put('usr/lib/x86_64-linux-gnu/own/libtaken.so.1', 'second')
  put('usr/lib/x86_64-linux-gnu/own/libown.so.1', 'own')
  put('usr/lib/x86_64-linux-gnu/own/readme', '')
  expect(await linkLibraries(root)).toEqual(['usr/lib/x86_64-linux-gnu/libown.so.1'])
  expect(realpathSync(join(root, 'usr/lib/x86_64-linux-gnu/libown.so.1'))).toBe(join(root, 'usr/lib/x86_64-linux-gnu/own/libown.so.1'))
  expect(lstatSync(join(root, 'usr/lib/x86_64-linux-gnu/libtaken.so.1')).isSymbolicLink()).toBe(false)
  expect(readFileSync(join(root, 'usr/lib/x86_64-linux-gnu/libtaken.so.1'), 'utf8')).toBe('first')
})

test('what a plain node does without comes back for the user\'s programs, documentation does not', () => {
  for (const path of ['usr/lib/x86_64-linux-gnu/libmvec.so.1', 'usr/bin/getconf', 'usr/share/vim/vim91/x.vim']) {
    expect(whyLeftOut(path)).toBeDefined()
    expect(whyLeftOutOfChosen(path)).toBeUndefined()
  }
  expect(whyLeftOutOfChosen('usr/share/man/man1/x.1.gz')).toBeDefined()
})
