import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { hiddenMounts, parseMountInfo, sharedMounts } from '../../agent/mfs/mounts.ts'
import { volumesOf } from '../../agent/mfs/nfs-client.ts'
import { clientLine, exportLines, forgetLine, hideLine, writeCaches } from '../../agent/mfs/nfsd-caches.ts'
import { mfsEntries, rootExports, signpost } from '../../agent/mfs/tree.ts'

const MOUNTINFO = [
  '21 1 0:20 / / rw,relatime - overlay plump rw,lowerdir=/run/plump/lower,index=on,nfs_export=on',
  '22 21 0:21 / /proc rw,relatime - proc proc rw',
  '23 22 0:30 / /proc/fs/nfsd rw,relatime - nfsd nfsd rw',
  '24 21 0:22 / /run rw shared:1 - tmpfs tmpfs rw',
  '25 24 7:0 / /run/plump/lower ro - squashfs /dev/loop0 ro',
  '26 21 7:1 / /usr/lib/modules/6.12.1 ro - squashfs /dev/loop1 ro',
  '27 21 8:17 / /home rw shared:5 master:2 - ext4 /dev/sdb1 rw',
  '28 21 8:33 / /mnt rw - vfat /dev/sdc1 rw',
  String.raw`29 27 259:1 / /home/big\040disk rw - ext4 /dev/nvme0n1p1 rw`,
  '30 21 0:40 / /mfs rw,nodev - nfs4 127.0.0.1:/ rw,vers=4.2',
  '31 30 0:20 / /mfs/5 rw,nodev - overlay plump rw',
].join('\n')

test('mountinfo is read with its optional fields and its quoted blanks', () => {
  expect(parseMountInfo(MOUNTINFO).map(({ path }) => path)).toEqual([
    '/', '/proc', '/proc/fs/nfsd', '/run', '/run/plump/lower', '/usr/lib/modules/6.12.1', '/home', '/mnt', '/home/big disk', '/mfs', '/mfs/5',
  ])
  expect(parseMountInfo(MOUNTINFO)[6]).toEqual({ major: 8, minor: 17, path: '/home', type: 'ext4', source: '/dev/sdb1' })
})

test('others see the disks that are part of the node, not what the kernel shows, nor sticks, nor /mfs within /mfs', () => {
  const mounts = parseMountInfo(MOUNTINFO)
  expect(sharedMounts(mounts).map(({ path }) => path)).toEqual(['/home', '/home/big disk'])
  expect(hiddenMounts(mounts)).toEqual(['/proc', '/run', '/usr/lib/modules/6.12.1', '/mfs'])
  const lines = rootExports(mounts).map(({ cache, line }) => `${cache} ${line}`)
  expect(lines).toContain('nfsd.export mesh /mfs 2147483647\n')
  expect(lines).toContain('nfsd.export mesh / 2147483647 9232 65534 65534 0\n')
  expect(lines).toContain(`nfsd.export mesh /home/big\\040disk 2147483647 9232 65534 65534 ${259 * 2 ** 20 + 1}\n`)
  expect(lines).toContain('nfsd.fh mesh 1 \\x11008000 2147483647 /home\n')
})

describe('the lines for the kernel', () => {
  test('say who a client is, what is not there, and what is there no more', () => {
    expect(clientLine('10.42.0.5', 'mesh')).toEqual({ cache: 'auth.unix.ip', line: 'nfsd 10.42.0.5 2147483647 mesh\n' })
    expect(hideLine('mesh', '/proc').line).toBe('mesh /proc 2147483647\n')
    expect(forgetLine('self', '/run/plump/mfs/5').line).toBe('self /run/plump/mfs/5 1\n')
  })

  test('send whoever steps into another node\'s folder to that node', () => {
    expect(signpost('/run/plump/mfs/2780', { kind: 'node', id: 2780 }).map(({ line }) => line)).toEqual([
      'self /run/plump/mfs/2780 2147483647 9217 65534 65534 2780 fsloc 1 10.42.10.220 / 1\n',
      'self 1 \\xdc0a0000 2147483647 /run/plump/mfs/2780\n',
    ])
  })

  test('are written one at a time, and a refusal names its line', () => {
    const folder = mkdtempSync(join(tmpdir(), 'plump-mfs-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    mkdirSync(join(folder, 'auth.unix.ip'))
    writeFileSync(join(folder, 'auth.unix.ip', 'channel'), '')
    writeCaches([clientLine('10.42.0.5', 'mesh')], folder)
    expect(readFileSync(join(folder, 'auth.unix.ip', 'channel'), 'utf8')).toBe('nfsd 10.42.0.5 2147483647 mesh\n')
    expect(() => writeCaches(exportLines({ domain: 'mesh', path: '/', flags: 0, fsid: 0 }), folder)).toThrow(/nfsd\.export/)
  })
})

test('/mfs has an entry for each node, this one included, and the names that lead to one of them', () => {
  const entries = mfsEntries(5, [7, 2780])
  expect([...entries.keys()].toSorted()).toEqual(['2780', '5', '7', 'here', 'home', 'lastexec', 'magic', 'selected'])
  expect(entries.get('here')).toMatchObject({ kind: 'link', target: '5' })
  expect(entries.get('home')).toMatchObject({ kind: 'link', target: '/' })
  const fsids = [...entries].map(([name, entry]) => signpost(`/run/plump/mfs/${name}`, entry)[1]?.line.split(' ')[2])
  expect(new Set(fsids).size).toBe(entries.size)
})

test('what is mounted from a server is found by its address', () => {
  const volumes = [
    'NV SERVER   PORT DEV          FSID                              FSC',
    'v4 7f000001  801 0:40         0:0                               no ',
    'v4 0a2a0adc  801 0:43         0:0                               no ',
    'v4 0a2a0adc  801 0:44         800011:0                          no ',
  ].join('\n')
  expect(volumesOf('10.42.10.220', volumes)).toEqual(['0:43', '0:44'])
  expect(volumesOf('10.42.0.1', volumes)).toEqual([])
})
