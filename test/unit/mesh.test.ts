import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { endpointsOf } from '../../agent/mesh/endpoints.ts'
import { meshMtu } from '../../agent/mesh/interface.ts'
import { meshKeys } from '../../agent/mesh/mesh-key.ts'
import { formatMeshConfig, wantedPeers, type MeshPeer } from '../../agent/mesh/peers.ts'
import { parseDump, Reach, type PeerCounters } from '../../agent/mesh/reach.ts'
import { meshAddress, nodeOfMeshAddress } from '../../schema/mesh-address.ts'
import type { Lease, Member } from '../../schema/node-state.ts'

const KEY = (letter: string): string => `${letter.repeat(43)}=`

function lease(address: string, prefixLength: number, kind: Lease['kind'] = 'dhcp', name = 'eth0'): Lease {
  return { interface: name, kind, address, prefixLength, dns: [], ntp: [] }
}
function member(id: number, address: string, networks: { address: string; prefixLength: number }[] = []): Member {
  return { id, name: `plump-${id}`, addresses: [address], state: 'alive', self: false, mesh: { publicKey: KEY(String.fromCodePoint(97 + id)), networks } }
}
function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'plump-mesh-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

test('a node id and its mesh address belong together, and nothing else is a mesh address', () => {
  expect(meshAddress(2780)).toBe('10.42.10.220')
  fc.assert(fc.property(fc.integer({ min: 0, max: 0xffff }), (id) => {
    expect(nodeOfMeshAddress(meshAddress(id))).toBe(id)
    expect(nodeOfMeshAddress(`::ffff:${meshAddress(id)}`)).toBe(id)
  }))
  for (const other of ['10.43.0.1', '10.42.0', '10.42.0.256', '110.42.0.1', '10.42.0.1.1', '']) expect(nodeOfMeshAddress(other)).toBeUndefined()
})

describe('keys', () => {
  test('are a pair of X25519, kept for the boot and readable by root alone', () => {
    const file = join(folder(), 'mesh', 'private.key')
    const [made, other] = [meshKeys(file), meshKeys(join(folder(), 'private.key'))]
    expect(meshKeys(file)).toEqual(made)
    expect(other.publicKey).not.toBe(made.publicKey)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const secret = ({ privateKey }: typeof made, { publicKey }: typeof made): string => diffieHellman({
      privateKey: createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), Buffer.from(privateKey, 'base64')]), format: 'der', type: 'pkcs8' }),
      publicKey: createPublicKey({ key: Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), Buffer.from(publicKey, 'base64')]), format: 'der', type: 'spki' }),
    }).toString('hex')
    expect(secret(made, other)).toBe(secret(other, made))
  })
})

describe('endpoints', () => {
  const own = [lease('192.168.1.5', 24), lease('169.254.3.3', 16, 'link-local', 'eth1')]

  test('what serf reaches on a network both share comes first', () => {
    expect(endpointsOf({ known: ['192.168.1.9'], own: [{ address: '192.168.1.9', prefixLength: 24 }, { address: '10.0.0.9', prefixLength: 8 }] }, own)).toEqual(['192.168.1.9'])
  })

  test('a network both share comes before one behind a router, a given address before a link-local one', () => {
    const known = ['172.16.0.9']
    const offers = [{ address: '169.254.9.9', prefixLength: 16 }, { address: '192.168.1.9', prefixLength: 24 }]
    expect(endpointsOf({ known, own: offers }, own)).toEqual(['192.168.1.9', '169.254.9.9', '172.16.0.9'])
  })

  test('an address that only looks like a neighbour is not tried: the prefixes differ', () => {
    expect(endpointsOf({ known: ['172.16.0.9'], own: [{ address: '192.168.1.9', prefixLength: 16 }] }, own)).toEqual(['172.16.0.9'])
  })
})

describe('peers', () => {
  test('are the others that are alive and tell a key', () => {
    const members: Member[] = [
      { ...member(1, '10.0.0.1'), self: true }, member(2, '10.0.0.2'), { ...member(3, '10.0.0.3'), state: 'failed' },
      { ...member(4, '10.0.0.4'), mesh: undefined },
    ]
    expect(wantedPeers(members, 1, [lease('10.0.0.1', 8)])).toEqual([
      { id: 2, address: '10.42.0.2', publicKey: KEY('c'), endpoints: ['10.0.0.2'] },
    ])
  })

  test('two that claim one id, or one that claims ours, wait until one of them has moved', () => {
    const members = [member(2, '10.0.0.2'), member(2, '10.1.0.2'), member(1, '10.2.0.1'), member(5, '10.0.0.5')]
    expect(wantedPeers(members, 1, []).map((peer) => peer.id)).toEqual([5])
  })

  test('the configuration lets each peer use its own address only, and leaves the endpoint of one that answers alone', () => {
    const peers = wantedPeers([member(2, '10.0.0.2'), member(3, '10.0.0.3')], 1, [])
    const reach = new Map([[KEY('c'), { endpoint: '10.0.0.2', answered: false }], [KEY('d'), { endpoint: '10.0.0.3', answered: true }]])
    expect(formatMeshConfig('SECRET', peers, reach)).toBe([
      '[Interface]', 'PrivateKey = SECRET', 'ListenPort = 51820', '',
      '[Peer]', `PublicKey = ${KEY('c')}`, 'AllowedIPs = 10.42.0.2/32', 'Endpoint = 10.0.0.2:51820', '',
      '[Peer]', `PublicKey = ${KEY('d')}`, 'AllowedIPs = 10.42.0.3/32', '',
    ].join('\n'))
  })
})

describe('reach', () => {
  const peer: MeshPeer = { id: 2, address: '10.42.0.2', publicKey: KEY('c'), endpoints: ['10.0.0.2', '10.1.0.2'] }
  const counted = (lastHandshake: number, receivedBytes: number, sentBytes: number): Map<string, PeerCounters> => new Map([[KEY('c'), { lastHandshake, receivedBytes, sentBytes }]])
  const at = (reach: Reach): unknown => reach.of([peer]).get(KEY('c'))

  test('reads what wg prints and passes over the line of the interface with its private key', () => {
    const dump = `PRIVATE\tPUBLIC\t51820\toff\n${KEY('c')}\t(none)\t10.0.0.2:51820\t10.42.0.2/32\t1700000000\t92\t148\toff\n`
    expect([...parseDump(dump)]).toEqual([[KEY('c'), { lastHandshake: 1_700_000_000, receivedBytes: 92, sentBytes: 148 }]])
  })

  test('one that does not answer is tried at its endpoints in turn', () => {
    const reach = new Reach()
    expect(reach.want([peer], 0)).toEqual([peer])
    expect(reach.want([peer], 0)).toEqual([])
    expect(reach.note([peer], counted(0, 0, 148), 1_000)).toEqual([])
    expect(reach.note([peer], counted(0, 0, 296), 6_000)).toEqual([peer])
    expect(at(reach)).toEqual({ endpoint: '10.1.0.2', answered: false })
    expect(reach.note([peer], counted(1_700_000_000, 92, 444), 7_000)).toEqual([])
    expect(at(reach)).toEqual({ endpoint: '10.1.0.2', answered: true })
  })

  test('one that answered is looked for anew only when it is sent to and stays silent', () => {
    const reach = new Reach()
    reach.want([peer], 0)
    reach.note([peer], counted(1, 92, 148), 500)
    expect(reach.note([peer], counted(1, 92, 148), 600_000)).toEqual([])
    expect(reach.note([peer], counted(1, 92, 1_000), 610_000)).toEqual([])
    expect(reach.note([peer], counted(1, 92, 2_000), 620_000)).toEqual([])
    expect(reach.note([peer], counted(1, 92, 3_000), 630_000)).toEqual([peer])
    expect(at(reach)).toEqual({ endpoint: '10.1.0.2', answered: false })
  })

  test('a keepalive that nobody answers is no sign that the peer is gone', () => {
    const reach = new Reach()
    reach.want([peer], 0)
    reach.note([peer], counted(1, 92, 148), 500)
    for (const [atMs, sentBytes] of [[10_000, 180], [20_000, 180], [30_000, 212], [40_000, 212], [50_000, 244]] as const) {
      expect(reach.note([peer], counted(1, 92, sentBytes), atMs)).toEqual([])
    }
    expect(at(reach)).toMatchObject({ answered: true })
  })

  test('one that is known elsewhere now is looked for there', () => {
    const reach = new Reach()
    reach.want([peer], 0)
    reach.note([peer], counted(1, 92, 148), 500)
    const moved = { ...peer, endpoints: ['10.2.0.2'] }
    expect(reach.want([moved], 1_000)).toEqual([moved])
    expect(reach.of([moved]).get(KEY('c'))).toEqual({ endpoint: '10.2.0.2', answered: false })
  })
})

test('the MTU is that of the narrowest network less what WireGuard adds', () => {
  const net = folder()
  for (const [name, mtu] of [['eth0', '1500\n'], ['eth1', '9000\n'], ['wlan0', '1300\n']] as const) {
    mkdirSync(join(net, name))
    writeFileSync(join(net, name, 'mtu'), mtu)
  }
  expect(meshMtu([lease('10.0.0.1', 8)], net)).toBe(1_440)
  expect(meshMtu([lease('10.0.0.1', 8, 'dhcp', 'eth1')], net)).toBe(8_940)
  expect(meshMtu([lease('10.0.0.1', 8), lease('10.1.0.1', 16, 'dhcp', 'wlan0')], net)).toBe(1_280)
  expect(meshMtu([], net)).toBe(1_440)
})
