import { expect, test } from 'vitest'
import type { LabNode } from '../../builder/lab/lab-node.ts'
import { meshAddress } from '../../schema/mesh-address.ts'
import { until } from './support/until.ts'
import { buildVariant } from './support/variant.ts'
import { withLab } from './support/with-lab.ts'

const TEST_LIMIT_MS = 900_000
const GONE_LIMIT_SECONDS = 90
const MOVE_LIMIT_SECONDS = 120
/** What a switch does that passes no multicast on: discovery (DNS-SD) gets neither in nor out. */
const NO_MULTICAST = ['add table inet mute', ...['input', 'output'].flatMap((hook) => [`add chain inet mute ${hook} { type filter hook ${hook} priority -10; }`, `add rule inet mute ${hook} udp dport 5353 drop`])]
  .map((rule) => `nft '${rule}'`).join(' && ')

test('the mesh, /mfs, locks, /hpc and setpe between two nodes, and nothing of it for a machine without the key', async () => {
  const iso = await buildVariant('stranger', 'cluster:\n  name: stranger\n')
  await withLab({ nodes: 1, medium: 'kernel' }, async (lab) => {
    const one = lab.node(1)
    await one.waitForStage('ready')
    await one.exec(NO_MULTICAST)
    const two = await lab.add({ medium: 'kernel' })
    const stranger = await lab.add({ medium: 'kernel', iso })
    await namesMembers(one, two)
    await Promise.all([one.waitForStage('joined'), two.waitForStage('joined')])
    const [a, b] = await Promise.all([idOf(one), idOf(two)])
    await Promise.all([until('node 1 sees the files of node 2', 90, () => works(one, `test -s /mfs/${b}/etc/hostname`)),
      until('node 2 sees the files of node 1', 90, () => works(two, `test -s /mfs/${a}/etc/hostname`))])

    // Local on the node itself, remote elsewhere, and the names that lead to one or the other.
    expect(await said(one, `cat /mfs/${b}/etc/hostname`)).toBe(await said(two, 'hostname'))
    expect(await said(one, `awk '$5 == "/mfs/${a}" { sub(/.* - /, ""); print $1 }' /proc/self/mountinfo`)).toBe('overlay')
    expect(await said(one, 'for name in here home lastexec selected magic; do cat /mfs/$name/etc/hostname; done | sort -u')).toBe(await said(one, 'hostname'))
    await one.exec(`echo from-one > /mfs/${b}/root/note`)
    expect(await said(two, 'cat /root/note')).toBe('from-one')

    // What is not to be seen: the kernel's views, devices, /mfs within itself.
    expect(await said(one, `ls /mfs/${b}/proc /mfs/${b}/sys /mfs/${b}/mfs /mfs/${b}/run | grep -v -e '^$' -e ':$'`)).toBe('')
    expect(await works(one, `head -c 1 /mfs/${b}/dev/zero`)).toBe(false)

    await locks(one, two, b)
    await hpc(one, two, a, b)
    await jobsGoHome(one, two, a, b)

    // A machine on the same wire without the key reaches no port of NFS, peers or the API, at neither address.
    await stranger.waitForStage('ready')
    const wire = (await one.waitForStage('ready')).fields['addr'] ?? ''
    await stranger.exec(`ip route replace ${meshAddress(a)} via ${wire}`)
    const reached = await stranger.exec(`for address in ${wire} ${meshAddress(a)}; do for port in 2049 4660 7373; do nc -w 3 $address $port < /dev/null > /dev/null 2>&1 && echo $address $port; done; done`)
    expect(reached.stdout).toBe('')
    expect(await works(one, `nc -w 5 ${meshAddress(b)} 2049 < /dev/null`)).toBe(true)

    // A node that dies: who uses its files gets an error, who has them open too, and its folder is gone.
    await one.exec(`(sleep 100000 < /mfs/${b}/root/note > /dev/null 2>&1 &)`)
    await two.kill()
    // ls ends by itself with an error, before timeout would end it: 143.
    expect((await one.exec(`timeout 15 ls /mfs/${b}/var/lib`)).exitCode).toBe(1)
    await until('the files of node 2 are gone', GONE_LIMIT_SECONDS, async () => !(await works(one, `ls /mfs | grep -qx ${b}`)))
    expect(await works(one, `cat /mfs/${b}/root/note`)).toBe(false)
    expect(await said(one, `grep -c ' /mfs/${b} ' /proc/mounts || true`)).toBe('0')
    await two.start()
    await two.waitForStage('joined')
    await until('the files of node 2 are back', 120, () => works(one, `test -s /mfs/${b}/etc/hostname`))
    await one.exec(`echo again > /mfs/${b}/root/note`)
    expect(await said(two, 'cat /root/note')).toBe('again')
  })
}, TEST_LIMIT_MS)

/** Where no multicast passes, a node is alone until somebody names the others; the members' own map names them as well. */
async function namesMembers(one: LabNode, two: LabNode): Promise<void> {
  const [first, second] = [await one.waitForStage('ready'), await two.waitForStage('ready')]
  expect(await said(two, 'plump nodes --json | grep -c \'"self"\'')).toBe('1')
  await two.exec(`echo '${first.fields['id']} ${first.fields['addr']} 1' > /tmp/map`)
  expect(await works(two, 'setpe -w -f /tmp/map')).toBe(false)
  await two.exec(`echo '${second.fields['id']} ${second.fields['addr']} 1 # this node' >> /tmp/map`)
  expect(await said(two, 'setpe -w -f /tmp/map')).toBe(`2 nodes named; this one is node ${second.fields['id']}`)
  await Promise.all([one.waitForStage('joined'), two.waitForStage('joined')])
  expect(await said(one, 'setpe -r -f /tmp/map; setpe -w -f /tmp/map')).toBe(`2 nodes named; this one is node ${first.fields['id']}`)
  await one.exec('nft delete table inet mute')
}

/** /hpc moves a job away; expel there and bring here take it home; a node that takes no guests gets none. */
async function jobsGoHome(one: LabNode, two: LabNode, a: number, b: number): Promise<void> {
  const ordered = { limitSeconds: MOVE_LIMIT_SECONDS }
  // Nobody else is to move it.
  for (const node of [one, two]) await node.exec('mosctl stay')
  const job = await said(one, 'mosrun -b tail -f /dev/null')
  const where = (): Promise<string> => said(one, `cat /hpc/jobs/${job}/where`)
  expect(await works(one, `echo nowhere > /hpc/jobs/${job}/goto`)).toBe(false)
  expect(await one.exec(`echo ${b} > /hpc/jobs/${job}/goto || tail -n 20 /var/log/plump.log`, ordered)).toMatchObject({ exitCode: 0, stdout: '' })
  expect(await where()).toBe(String(b))
  expect(await said(two, `cat /hpc/remote/${job}/from`)).toBe(String(a))
  expect((await two.exec('mosctl expel', ordered)).stdout.trim()).toBe(`at home: ${job}`)
  expect(await where()).toBe(String(a))
  await two.exec('mosctl block')
  expect((await one.exec(`migrate ${job} ${b}`, ordered)).stderr).toMatch(/^error\[BLOCKED\]/m)
  await two.exec('mosctl noblock')
  expect((await one.exec(`migrate ${job} ${b}`, ordered)).exitCode).toBe(0)
  expect((await one.exec('echo 1 > /hpc/admin/bring', ordered)).exitCode).toBe(0)
  expect(await where()).toBe(String(a))
  expect(await said(one, `cat /hpc/jobs/${job}/nmigs`)).toBe('4')
  expect(await works(one, `echo deny:${b} > /hpc/jobs/${job}/mask`)).toBe(true)
  expect((await one.exec(`echo ${b} > /hpc/jobs/${job}/goto`, ordered)).exitCode).not.toBe(0)
  await one.exec(`plump job kill ${job} KILL`)
}

/** A lock taken through /mfs is held at the node that has the file, and keeps other processes out. */
async function locks(one: LabNode, two: LabNode, id: number): Promise<void> {
  await two.exec('touch /root/locked')
  // Open for writing: NFS has an exclusive lock only on what may be written.
  const opened = `exec 9<> /mfs/${id}/root/locked`
  // Opening it there ends node 1's delegation of the file, under which node 1 may keep its locks to itself.
  const isHeldAtHome = (): Promise<boolean> => works(two, "exec 9<> /root/locked; grep -q 'POSIX .* WRITE' /proc/locks")
  expect(await isHeldAtHome()).toBe(false)
  await one.exec(`(${opened}; flock 9; touch /run/held; while [ ! -e /run/let-go ]; do usleep 100000; done) > /dev/null 2>&1 &`)
  await until('node 1 holds the lock', 30, () => works(one, 'test -e /run/held'))
  expect(await works(one, `${opened}; flock -n 9`)).toBe(false)
  expect(await isHeldAtHome()).toBe(true)
  await one.exec('touch /run/let-go')
  await until('the lock is free again', 30, () => works(one, `${opened}; flock -n 9`))
}

async function hpc(one: LabNode, two: LabNode, a: number, b: number): Promise<void> {
  await until('/hpc is there', 60, () => works(one, 'test -e /hpc/admin/stay'))
  expect(await said(one, 'cat /hpc/admin/mospe')).toBe(String(a))
  expect(await said(one, 'ls /hpc/nodes | sort -n')).toBe([a, b].toSorted((x, y) => x - y).join('\n'))
  expect(await works(one, 'echo 1 > /hpc/admin/block')).toBe(true)
  expect(await said(one, 'cat /hpc/admin/block')).toBe('1')
  expect(await said(one, 'mosctl noblock')).toMatch(/\bnoblock\b/)
  expect(await said(one, 'cat /hpc/admin/block')).toBe('0')
  expect(await works(one, 'echo many > /hpc/admin/block')).toBe(false)
  expect(Number(await said(one, `cat /hpc/nodes/${b}/tmem`))).toBe(Number(await said(two, 'awk \'/^MemTotal/ { print $2 * 1024 }\' /proc/meminfo')))
  expect(await said(one, `mosctl isup ${b}`)).toBe('yes')
  expect(await said(two, 'mosctl setspeed 4321; mosctl getspeed')).toMatch(/4321$/)
  expect(await said(one, `mosctl getspeed ${b}`)).toBe('4321')
}

async function idOf(node: LabNode): Promise<number> {
  return Number((await node.waitForStage('ready')).fields['id'])
}
async function said(node: LabNode, command: string): Promise<string> {
  return (await node.exec(command)).stdout.trim()
}
async function works(node: LabNode, command: string): Promise<boolean> {
  return (await node.exec(command)).exitCode === 0
}
