import { copyFile, link, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { filesBelow } from '../../builder/image/medium.ts'
import { takeIsoApart, writeIso } from '../../builder/image/finished-iso.ts'
import type { LabNode } from '../../builder/lab/lab-node.ts'
import { run } from '../../builder/os/run.ts'
import { fileSha256 } from '../../builder/pipeline/tree-digest.ts'
import { PROJECT_FOLDER } from '../../builder/version.ts'
import { packageReportSchema } from '../../schema/package-report.ts'
import { makeHostile, makePackage } from './support/make-package.ts'
import { until } from './support/until.ts'
import { buildVariant } from './support/variant.ts'
import { withLab } from './support/with-lab.ts'

const PLUMP = join(PROJECT_FOLDER, 'plump')
const FIXTURES = join(PROJECT_FOLDER, 'test/fixtures/packages')
let work = ''

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'plump-packages-'))
})
afterAll(async () => {
  await rm(work, { recursive: true, force: true })
})

/** By name, the kinds of archives that no build lets through. */
async function hostileArchives(folder: string): Promise<Record<string, string>> {
  const inside = join(folder, 'inside')
  await mkdir(join(inside, 'usr/bin'), { recursive: true })
  await writeFile(join(inside, 'usr/bin/node'), 'not Node')
  await writeFile(join(inside, 'passwd'), 'evil')
  await symlink('../../outside', join(inside, 'way'))
  await symlink('/usr/bin', join(inside, 'here'))
  await link(join(inside, 'passwd'), join(inside, 'second'))
  return {
    'absolute.tar': await makeHostile(folder, 'absolute.tar', '-P', '--transform=s,^inside,/etc,', 'inside/passwd'),
    'dotdot.tar': await makeHostile(folder, 'dotdot.tar', '-P', '--transform=s,^inside,../etc,', 'inside/passwd'),
    'link.tar': await makeHostile(folder, 'link.tar', '-C', 'inside', 'way'),
    'device.tar': await makeHostile(folder, 'device.tar', '-C', '/dev', 'null'),
    'program.tar': await makeHostile(folder, 'program.tar', '-C', 'inside', 'usr/bin/node'),
    'through.tar': await makeHostile(folder, 'through.tar', '-C', 'inside', '--transform=s,^usr/bin/,here/,', 'here', 'usr/bin/node'),
    'hardlink.tar': await makeHostile(folder, 'hardlink.tar', '-C', 'inside', '--transform=flags=h;s,.*,etc/passwd,', 'passwd', 'second'),
  }
}

/** The same ISO with more packages and another list, past every check of a build. */
async function tamper(iso: string, archives: readonly string[], list: string): Promise<string> {
  const folder = await mkdtemp(join(work, 'tamper-'))
  const apart = await takeIsoApart(iso, folder)
  for (const archive of archives) await copyFile(archive, join(apart.tree, 'packages', basename(archive)))
  await writeFile(join(apart.tree, 'packages/list'), list)
  const files = (await filesBelow(apart.tree)).filter(({ path }) => path !== 'boot/grub/boot.cat')
  const imageId = (await readFile(join(apart.tree, 'plump/image-id'), 'utf8')).trim()
  await writeIso(join(folder, 'tampered.iso'), apart, files, imageId)
  return join(folder, 'tampered.iso')
}

async function output(node: LabNode, command: string): Promise<string> {
  const { stdout, stderr, exitCode } = await node.exec(command, { limitSeconds: 120 })
  expect(`${exitCode} ${stderr}`).toBe('0 ')
  return stdout.trim()
}

test('packages in all forms are unpacked in list order, hostile ones are not, programs are started; perl, python3 and gcc work', async () => {
  const folder = join(work, 'packages')
  await mkdir(folder)
  await makePackage(work, 'first.tar.gz', { 'usr/bin/which-one': '#!/bin/sh\necho first\n' })
  await makePackage(work, 'second.tar.xz', { 'bin/which-one': '#!/bin/sh\necho second\n', 'usr/share/plump/packages/second.json': '{"name":"second","version":"2.0","description":"the later one"}' })
  await makePackage(work, 'services.tar.zst', {
    'etc/plump/start.d/server': '#!/bin/sh\necho $$ > /run/server\nexec sleep 86400\n',
    'etc/plump/start.d/once': '#!/bin/sh\ngrep -q ready /run/plump/stages.json && echo done >> /run/once\n',
  })
  for (const name of ['first.tar.gz', 'second.tar.xz', 'services.tar.zst']) {
    const verb = await run(PLUMP, ['package', 'add', join(work, name), '--config', await configFile(folder)])
    expect(verb).toBe(join(folder, name))
  }
  const yaml = `packages:\n  folder: ${folder}\n  debian: [python3, perl, gcc, libparallel-forkmanager-perl]\n`
  const built = await buildVariant('packages', yaml, {}, ['--fast'])
  const hostile = await hostileArchives(work)
  const iso = await tamper(built, Object.values(hostile), [
    '/cdrom/packages/first.tar.gz', 'data:later.tar.gz', ...Object.keys(hostile).map((name) => `cdrom:${name}`), 'cdrom:second.tar.xz', 'nonsense', 'cdrom:services.tar.zst',
  ].join('\n'))

  await withLab({ nodes: 1, medium: 'kernel', memoryMiB: 768, iso }, async (lab) => {
    const node = lab.node(1)
    await node.waitForStage('ready')
    const text = await node.serialText()
    const told = [...text.matchAll(/plump: package t=[\d.]+ (\S+) (unpacked|refused|is missing)/g)].map(([, source, state]) => `${source} ${state}`)
    expect(told).toEqual([
      '/cdrom/packages/first.tar.gz unpacked', 'data:later.tar.gz is missing', ...Object.keys(hostile).map((name) => `cdrom:${name} refused`),
      'cdrom:second.tar.xz unpacked', 'cdrom:services.tar.zst unpacked',
    ])
    expect(text).toMatch(/packages\/list line \d+ is passed over: nonsense/)
    const reasons = new Map(packageReportSchema.parse(JSON.parse(await output(node, 'plump packages --json'))).map(({ source, why, entry }) => [source.replace('cdrom:', ''), `${entry}: ${why}`]))
    expect(Object.fromEntries(Object.keys(hostile).map((name) => [name, reasons.get(name)]))).toEqual({
      'absolute.tar': '/etc/passwd: an absolute path',
      'dotdot.tar': '../etc/passwd: a path with ..',
      'link.tar': 'way: a link that leaves the root: ../../outside',
      'device.tar': 'null: a device node',
      'program.tar': expect.stringContaining('replaces a program file of the node, /usr/bin/node') as string,
      'through.tar': expect.stringContaining('replaces a program file of the node, /usr/bin/node') as string,
      'hardlink.tar': expect.stringContaining('a hard link to etc/passwd, which is no file of the package') as string,
    })
    expect(await output(node, 'which-one')).toBe('second')
    expect(await output(node, 'test -L /bin && test ! -e /outside && grep -c evil /etc/passwd || true')).toBe('0')

    await until('both programs were started after ready', 60, async () => (await node.exec('test "$(cat /run/once)" = done && kill -0 "$(cat /run/server)"')).exitCode === 0)
    const server = await output(node, 'cat /run/server')
    await output(node, `kill ${server}`)
    await until('init starts the server again', 60, async () => {
      const { stdout, exitCode } = await node.exec('cat /run/server && kill -0 "$(cat /run/server)"')
      return exitCode === 0 && stdout.trim() !== server
    })
    expect(await output(node, 'cat /run/once')).toBe('done')

    // What a partition labelled PLUMPDATA would bring; its own list comes after that of the medium.
    const later = (await readFile(await makePackage(work, 'later.tar.gz', { 'usr/bin/later': '#!/bin/sh\necho later\n' }))).toString('base64')
    await output(node, `mkdir -p /run/plump/data/packages && cd /run/plump/data/packages && echo ${later} | base64 -d > later.tar.gz && node /usr/lib/plump/packages.cjs`)
    expect(await output(node, 'later')).toBe('later')

    await tryLanguages(node)
  })
})

/** The portfolio workload forks through a Perl module of its own package; C needs headers, linker and the rest of glibc; Python its library. */
async function tryLanguages(node: LabNode): Promise<void> {
  const put = async (name: string): Promise<void> => {
    const text = (await readFile(join(FIXTURES, name))).toString('base64')
    await output(node, `echo ${text} | base64 -d > /tmp/${name}`)
  }
  await put('portfolio.pl')
  await put('root.c')
  const lines = (await output(node, 'perl /tmp/portfolio.pl 6 500')).split('\n')
  expect(lines).toHaveLength(7)
  expect(lines[0]).toMatch(/^portfolio 1 mean -?0\.0\d+$/)
  expect(lines.at(-1)).toBe('processes 6')
  expect(await output(node, 'cc -O2 -Wall -o /tmp/root /tmp/root.c -lm && /tmp/root 2')).toBe('1.414')
  expect(await output(node, 'python3 -c "import json, ssl, sqlite3, multiprocessing; print(json.dumps(sum(range(10))))"')).toBe('45')
}

test('package add --iso gives the ISO that a build would have made, and it boots', async () => {
  const folder = join(work, 'one-package')
  await makePackage(work, 'hello.tar.gz', { 'usr/bin/hello': '#!/bin/sh\necho hello\n' })
  await run(PLUMP, ['package', 'add', join(work, 'hello.tar.gz'), '--config', await configFile(folder)])
  const built = await buildVariant('one-package', `packages:\n  folder: ${folder}\n`)
  const plain = await buildVariant('no-packages', `packages:\n  folder: ${join(work, 'nothing')}\n`)
  await run(PLUMP, ['package', 'add', join(work, 'hello.tar.gz'), '--iso', plain])
  expect(await fileSha256(plain)).toBe(await fileSha256(built))
  expect(await readFile(`${plain}.sha256`, 'utf8')).toBe(`${await fileSha256(built)}  ${basename(plain)}\n`)
  const spdx = (iso: string): Promise<string> => readFile(iso.replace(/\.iso$/, '.spdx.json'), 'utf8')
  expect(JSON.parse(await spdx(plain))).toEqual(JSON.parse(await spdx(built)))

  await withLab({ nodes: 1, medium: 'cd', firmware: 'bios', iso: plain }, async (lab) => {
    const stick = await lab.add({ medium: 'disk', firmware: 'uefi', iso: plain })
    for (const node of [lab.node(1), stick]) {
      await node.waitForStage('ready')
      expect(await output(node, 'hello')).toBe('hello')
    }
  })
})

async function configFile(folder: string): Promise<string> {
  const file = join(work, `${basename(folder)}.yaml`)
  await writeFile(file, `packages:\n  folder: ${folder}\n`)
  return file
}
