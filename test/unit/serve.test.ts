import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import type { NetworkInterfaceInfo } from 'node:os'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { makeBootMenu, networkMenu, renderBootMenu } from '../../builder/image/boot-menu.ts'
import { BootJournal, describeBootEvent, parseArp, type BootEvent } from '../../schema/boot-server/boot-journal.ts'
import { dnsmasqConfig } from '../../schema/boot-server/dnsmasq-config.ts'
import { parseRange, pathOf, startFileServer } from '../../schema/boot-server/file-server.ts'
import { chooseLan } from '../../schema/boot-server/lan.ts'
import { carriedFiles, grubScript, ipxeFiles, ipxeScript, unservable } from '../../schema/boot-server/scripts.ts'
import { isUserNamespace, remarksOn } from '../../builder/serve/serve.ts'
import { plumpYamlSchema } from '../../schema/plump-yaml.ts'

const PROJECT = join(import.meta.dirname, '../..')
const MEDIUM = ['boot/grub/grub.cfg', 'kernels/debian/bzImage', 'kernels/debian/initrd', 'kernels/debian/modules.sqfs', 'live/root.sqfs', 'live/agent.tar.gz', 'plump/node.json']

function interfaceWith(cidr: string): NetworkInterfaceInfo {
  return { address: cidr.split('/')[0] ?? '', cidr, netmask: '', family: 'IPv4', mac: '00:00:00:00:00:00', internal: false }
}

async function template(name: string): Promise<string> {
  return await readFile(join(PROJECT, 'templates', name), 'utf8')
}

describe('which network is served', () => {
  const eth0 = { eth0: [interfaceWith('192.168.5.20/24')] }

  test('the only one there is, beside its DHCP server', () => {
    expect(chooseLan({ ...eth0, docker0: [interfaceWith('172.17.0.1/16')] }, {})).toEqual({
      interface: 'eth0', address: '192.168.5.20', prefixLength: 24, network: '192.168.5.0', netmask: '255.255.255.0', pool: undefined, addressMissing: false,
    })
  })

  test('of several, the one that was named; without a name they are listed', () => {
    const both = { ...eth0, eth1: [interfaceWith('10.0.0.7/8')] }
    expect(() => chooseLan(both, {})).toThrow(expect.objectContaining({ code: 'LAN_CHOICE', fix: expect.stringContaining('eth0, eth1') as string }))
    expect(chooseLan(both, { interface: 'eth1' })).toMatchObject({ interface: 'eth1', network: '10.0.0.0', netmask: '255.0.0.0' })
    expect(() => chooseLan(both, { interface: 'eth2' })).toThrow(expect.objectContaining({ code: 'LAN_CHOICE' }))
  })

  test('with --dhcp: the upper half is given away, and a missing address is added', () => {
    expect(chooseLan({}, { interface: 'eth0', dhcp: '192.168.77.0/24' })).toEqual({
      interface: 'eth0', address: '192.168.77.1', prefixLength: 24, network: '192.168.77.0', netmask: '255.255.255.0',
      pool: { first: '192.168.77.128', last: '192.168.77.254' }, addressMissing: true,
    })
    expect(chooseLan(eth0, { dhcp: '192.168.5.0/24' })).toMatchObject({ address: '192.168.5.20', addressMissing: false })
    expect(() => chooseLan({ eth0: [interfaceWith('192.168.5.200/24')] }, { dhcp: '192.168.5.0/24' })).toThrow(expect.objectContaining({ code: 'LAN_ADDRESS' }))
  })

  test.each(['192.168.77.0', '192.168.77.1/24', '192.168.300.0/24', '10.0.0.0/8', '192.168.77.0/30', 'x'])('--dhcp %s is refused', (dhcp) => {
    expect(() => chooseLan(eth0, { dhcp })).toThrow(expect.objectContaining({ code: 'USAGE', isUsage: true }))
  })
})

describe('the configuration of dnsmasq', () => {
  const options = { tftpFolder: '/tmp/serve/tftp', leaseFile: '/tmp/serve/leases', host: '192.168.5.20:4680', sameUser: false }
  const lans = {
    proxy: chooseLan({ eth0: [interfaceWith('192.168.5.20/24')] }, {}),
    dhcp: chooseLan({}, { interface: 'eth0', dhcp: '192.168.77.0/24' }),
  }

  test.each(['proxy', 'dhcp'] as const)('%s is as in the golden file, and dnsmasq takes it', async (kind) => {
    const text = dnsmasqConfig(lans[kind], options)
    await expect(text).toMatchFileSnapshot(`../fixtures/serve/dnsmasq-${kind}.conf`)
    const folder = await mkdtemp(join(tmpdir(), 'plump-serve-test-'))
    try {
      await writeFile(join(folder, 'dnsmasq.conf'), text)
      // dnsmasq writes its verdict to stderr and fails when there is anything it does not know.
      execFileSync('dnsmasq', ['--test', `--conf-file=${join(folder, 'dnsmasq.conf')}`], { stdio: 'pipe', env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` } })
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe('the menus for the network', () => {
  const menu = networkMenu(makeBootMenu(plumpYamlSchema.parse({}), [{ name: 'debian', version: '6.12.1' }, { name: 'mine', version: '6.6.1' }], '0123456789abcdef', '0.1.0'))

  test.each([['netboot-grub.cfg.hbs', 'netboot-grub.cfg'], ['netboot-menu.ipxe.hbs', 'netboot-menu.ipxe']])('%s is as in the golden file', async (source, golden) => {
    await expect(renderBootMenu(await template(source), menu)).toMatchFileSnapshot(`../fixtures/serve/${golden}`)
  })

  test('GRUB reads its menu and the script that leads there', async () => {
    execFileSync('grub-script-check', { input: renderBootMenu(await template('netboot-grub.cfg.hbs'), menu) })
    execFileSync('grub-script-check', { input: grubScript('192.168.5.20:4680', MEDIUM) })
  })

  test('a title with signs of iPXE loses them', async () => {
    const odd = makeBootMenu(plumpYamlSchema.parse({ menu: { title: 'a ${b} || c && d' } }), [{ name: 'debian', version: '1' }], '0123456789abcdef', '0.1.0')
    expect(renderBootMenu(await template('netboot-menu.ipxe.hbs'), odd)).toContain('item --key 1 start-debian [1] a {b}  c  d 0.1.0 (debian 1)\n')
  })

  test('the scripts carry what a node runs from, whatever its kernel, and nothing else', () => {
    expect(carriedFiles(MEDIUM)).toEqual(['live/agent.tar.gz', 'live/root.sqfs', 'plump/node.json'])
    expect(ipxeFiles(MEDIUM)).toBe('#!ipxe\ninitrd ${base}/live/agent.tar.gz /medium/live/agent.tar.gz\ninitrd ${base}/live/root.sqfs /medium/live/root.sqfs\ninitrd ${base}/plump/node.json /medium/plump/node.json\n')
    expect(grubScript('1.2.3.4:80', ['live/root.sqfs'])).toBe('set base=(http,1.2.3.4:80)\nset files="newc:medium/live/root.sqfs:$base/live/root.sqfs"\nexport base\nexport files\nconfigfile $base/boot/netboot/grub.cfg\n')
    expect(ipxeScript('1.2.3.4:80')).toContain('set base http://1.2.3.4:80\n')
    expect(unservable([...MEDIUM, 'packages/my tools.tar.gz'])).toEqual(['packages/my tools.tar.gz'])
  })
})

describe('who booted what', () => {
  const MAC = '52:54:00:50:01:00'
  const IP = '192.168.5.30'

  function journalOf(): { journal: BootJournal; events: BootEvent[] } {
    const events: BootEvent[] = []
    return { events, journal: new BootJournal(['live/root.sqfs'], (address) => (address === IP ? MAC : undefined), (event) => events.push(event)) }
  }

  test('a UEFI machine, from its first question to the last file', () => {
    const { journal, events } = journalOf()
    for (let again = 0; again < 2; again++) {
      journal.logLine('dnsmasq-dhcp[51]: 2970037088 vendor class: PXEClient:Arch:00007:UNDI:003001')
      journal.logLine(`dnsmasq-dhcp[51]: 2970037088 PXE(eth0) ${MAC} proxy`)
    }
    journal.logLine(`dnsmasq-tftp[51]: sent /tmp/plump-serve-a/tftp/shimx64.efi to ${IP}`)
    journal.logLine(`dnsmasq-tftp[51]: sent /tmp/plump-serve-a/tftp/grub/grub.cfg to ${IP}`)
    for (const [path, bytes, atMs] of [['kernels/debian/bzImage', 100, 1000], ['kernels/debian/initrd', 10, 1500], ['kernels/debian/modules.sqfs', 10, 2000], ['live/root.sqfs', 80, 3500]] as const) {
      journal.fileSent({ address: IP, path, bytes, atMs })
    }
    expect(events).toEqual([
      { event: 'asks', firmware: 'UEFI', mac: MAC },
      { event: 'loader', file: 'shimx64.efi', mac: MAC, address: IP },
      { event: 'kernel', kernel: 'debian', mac: MAC, address: IP },
      { event: 'booted', kernel: 'debian', bytes: 200, seconds: 2.5, mac: MAC, address: IP },
    ])
    expect(describeBootEvent(events[3] ?? { event: 'asks', firmware: 'unknown', mac: '' })).toBe(`${MAC} ${IP} has all of debian: 0.0 MB in 2.5 s`)
  })

  test('a machine that gave up half-way has booted nothing, and a second start is told anew', () => {
    const { journal, events } = journalOf()
    journal.fileSent({ address: IP, path: 'kernels/debian/bzImage', bytes: 1, atMs: 0 })
    journal.fileSent({ address: IP, path: 'kernels/debian/initrd', bytes: 1, atMs: 0 })
    journal.fileSent({ address: IP, path: 'kernels/mine/bzImage', bytes: 1, atMs: 0 })
    expect(events.map(({ event }) => event)).toEqual(['kernel', 'kernel'])
  })

  test('MAC addresses are read from the kernel\'s table', () => {
    const arp = `IP address       HW type     Flags       HW address            Mask     Device\n${IP}     0x1         0x2         ${MAC}     *        eth0\n192.168.5.9      0x1         0x0         00:00:00:00:00:00     *        eth0\n`
    expect(parseArp(arp).get(IP)).toBe(MAC)
  })
})

describe('the file server', () => {
  test('sends the given files and texts, whole and in part, and nothing else of the machine', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'plump-serve-test-'))
    await writeFile(join(folder, 'file'), 'contents')
    await writeFile(join(folder, 'empty'), '')
    const sent: string[] = []
    const files = new Map([['live/root.sqfs', { file: join(folder, 'file') }], ['empty', { file: join(folder, 'empty') }], ['files.ipxe', { text: '#!ipxe\n' }]])
    const server = await startFileServer(files, { address: '127.0.0.1', port: 0 }, ({ path }) => sent.push(path))
    try {
      const bound = server.address()
      const get = async (path: string, range?: string): Promise<[number, string]> => {
        const response = await fetch(`http://127.0.0.1:${typeof bound === 'object' ? bound?.port : 0}/${path}`, { headers: range === undefined ? {} : { range } })
        return [response.status, await response.text()]
      }
      expect(await get('live/root.sqfs')).toEqual([200, 'contents'])
      expect(await get('live/root.sqfs', 'bytes=2-4')).toEqual([206, 'nte'])
      expect(await get('live/root.sqfs', 'bytes=9-')).toEqual([416, ''])
      expect(await get('empty')).toEqual([200, ''])
      expect(await get('files.ipxe')).toEqual([200, '#!ipxe\n'])
      for (const path of ['', 'live', 'live/../live/../../etc/passwd', '..%2f..%2fetc%2fpasswd', 'etc/passwd']) expect((await get(path))[0]).toBe(404)
      expect(sent).toEqual(['live/root.sqfs', 'empty', 'files.ipxe'])
    } finally {
      server.close().closeAllConnections()
      await rm(folder, { recursive: true })
    }
  })

  test('names its headers with capitals, for GRUB waits for ever for a content-length', async () => {
    const server = await startFileServer(new Map([['file', { text: 'x' }]]), { address: '127.0.0.1', port: 0 }, () => undefined)
    const bound = server.address()
    const socket = connect(typeof bound === 'object' ? (bound?.port ?? 0) : 0, '127.0.0.1')
    try {
      socket.write('GET /file HTTP/1.1\r\nHost: x\r\n\r\n')
      const [answer] = (await once(socket, 'data')) as [Buffer]
      expect(answer.toString()).toContain('\r\nContent-Length: 1\r\n')
    } finally {
      socket.destroy()
      server.close().closeAllConnections()
    }
  })

  test('a shim that was started by HTTP asks with backslashes', () => {
    for (const url of ['/boot/netboot/grubx64.efi', '/boot/netboot/\\grubx64.efi', '/boot/netboot//grubx64.efi', '/boot/netboot/%5C%5cgrubx64.efi', 'http://10.0.0.1:4680/boot/netboot/grubx64.efi?x']) {
      expect(pathOf(url)).toBe('boot/netboot/grubx64.efi')
    }
    expect([pathOf(undefined), pathOf('/'), pathOf('/live/../etc')]).toEqual(['', '', 'live/../etc'])
  })

  test('of a range only the usual forms are taken', () => {
    expect(parseRange('bytes=0-', 10)).toEqual({ first: 0, last: 9 })
    expect(parseRange('bytes=3-99', 10)).toEqual({ first: 3, last: 9 })
    expect(parseRange('bytes=5-4', 10)).toBe('unsatisfiable')
    expect(parseRange('bytes=-5', 10)).toBeUndefined()
    expect(parseRange(undefined, 10)).toBeUndefined()
  })
})

test('a user namespace is told from the machine itself by the users it maps', () => {
  expect(isUserNamespace('         0          0 4294967295\n')).toBe(false)
  expect(isUserNamespace('         0       1000          1\n')).toBe(true)
})

test('whoever serves an ISO is told of every secret in it', () => {
  expect(remarksOn([], [])).toEqual([])
  expect(remarksOn(['wifi-passwords'], [])).toEqual(['this ISO carries the passwords of Wi-Fi networks, and whoever asks on this network is given that'])
  expect(remarksOn(['cluster-key', 'wifi-passwords'], ['a b'])).toEqual([
    expect.stringContaining('the key of its cluster and the passwords of Wi-Fi networks') as string, expect.stringContaining('a b') as string,
  ])
})
