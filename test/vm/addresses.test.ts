import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { LabNode } from '../../builder/lab/lab-node.ts'
import { until } from './support/until.ts'
import { buildVariant } from './support/variant.ts'
import { members, withLab } from './support/with-lab.ts'

/** How long after boot the cable or the DHCP server comes: the case itself, not a wait for something. */
const LATE_CARRIER_MS = 20_000
const LATE_SERVER_MS = 30_000
/** A silent network gives a link-local address after 10 s; software emulation adds its own. */
const LINK_LOCAL_LIMIT_SECONDS = 90

test('two cards, one of them without a carrier: it delays nothing', async () => {
  await withLab({ nodes: 1, medium: 'kernel', nics: 'e1000@none,virtio-net-pci' }, async (lab) => {
    const node = lab.node(1)
    const address = await node.waitForStage('address')
    expect(address.fields['addr']).toMatch(/^192\.168\.10\./)
    const nics = await node.waitForStage('nics')
    expect(address.seconds - nics.seconds).toBeLessThan(8)
    expect((await node.stages()).filter((line) => line.stage === 'lease')).toHaveLength(1)
  })
})

test('two cards on two networks: both are used, and nodes meet on either', async () => {
  await withLab({ nodes: 1, medium: 'kernel', nics: 'virtio-net-pci@0,e1000@1' }, async (lab) => {
    await lab.add({ medium: 'kernel', nics: 'virtio-net-pci@1' })
    await lab.node(1).waitForText(/plump: lease [^\n]*addr=192\.168\.10\./)
    await lab.node(1).waitForText(/plump: lease [^\n]*addr=192\.168\.11\./)
    await Promise.all(lab.nodes.map((node) => node.waitForStage('joined')))
  })
})

test('a carrier that comes 20 s late', async () => {
  await withLab({ nodes: 1, medium: 'kernel', nics: 'virtio-net-pci@none' }, async (lab) => {
    const node = lab.node(1)
    const nics = await node.waitForStage('nics')
    await delay(LATE_CARRIER_MS)
    expect((await node.stages()).map((line) => line.stage)).not.toContain('lease')
    await node.waitForText(/plump: waiting for .*cable/i)
    await node.heal({ nic: 0, network: 0 })
    const lease = await node.waitForStage('lease', { limitSeconds: 60 })
    expect(lease.seconds - nics.seconds).toBeGreaterThan(LATE_CARRIER_MS / 1000 - 1)
    await node.waitForStage('ready')
  })
})

test('a DHCP server that appears 30 s late: the node has a link-local address meanwhile and takes the lease then', async () => {
  await withLab({ nodes: 1, medium: 'kernel', dhcp: 'none' }, async (lab) => {
    const node = lab.node(1)
    await node.waitForStage('nics')
    await delay(LATE_SERVER_MS)
    await node.waitForStage('lease', { limitSeconds: LINK_LOCAL_LIMIT_SECONDS, where: (line) => line.fields['server'] === 'link-local' })
    await lab.setDhcp(0, 'node-dhcp')
    const lease = await node.waitForStage('lease', { limitSeconds: 90, where: (line) => line.fields['server'] === '192.168.10.1' })
    expect(lease.fields['addr']).toMatch(/^192\.168\.10\.1\d\d$/)
  })
})

test('no DHCP at all: link-local addresses, and the nodes join', async () => {
  await withLab({ nodes: 2, medium: 'kernel', dhcp: 'none' }, async (lab) => {
    for (const node of lab.nodes) {
      const address = await node.waitForStage('address', { limitSeconds: LINK_LOCAL_LIMIT_SECONDS })
      expect(address.fields['addr']).toMatch(/^169\.254\./)
    }
    await Promise.all(lab.nodes.map((node) => node.waitForStage('joined')))
  })
})

test('DHCP by dnsmasq, a server of another make', async () => {
  await withLab({ nodes: 2, medium: 'kernel', dhcp: 'dnsmasq' }, async (lab) => {
    for (const node of lab.nodes) expect((await node.waitForStage('lease')).fields['server']).toBe('192.168.10.1')
    await Promise.all(lab.nodes.map((node) => node.waitForStage('joined')))
    expect((await members(lab.node(1))).filter((member) => member.state === 'alive')).toHaveLength(2)
  })
})

test('a lease that runs out and is not renewed: the address goes, and asking goes on', async () => {
  await withLab({ nodes: 1, medium: 'kernel', leaseSeconds: 30 }, async (lab) => {
    const node = lab.node(1)
    const lease = await node.waitForStage('lease')
    const address = lease.fields['addr'] ?? ''
    expect(await addresses(node)).toContain(address)
    await lab.setDhcp(0, 'none')
    await until('the address that ran out is gone', 90, async () => !(await addresses(node)).includes(address))
    await lab.setDhcp(0, 'node-dhcp')
    await until('there is a lease again', 90, async () => /inet 192\.168\.10\./.test(await addresses(node)))
  })
})

test('a fixed address from plump.yaml by MAC needs no DHCP server', async () => {
  const iso = await buildVariant('static', 'network:\n  static:\n    - { mac: "52:54:00:50:01:00", address: 10.9.8.7/24, gateway: 10.9.8.1, dns: [10.9.8.2] }\n')
  await withLab({ nodes: 1, medium: 'kernel', dhcp: 'none', iso }, async (lab) => {
    const ready = await lab.node(1).waitForStage('ready')
    expect(ready.fields['addr']).toBe('10.9.8.7')
    expect(ready.fields['id']).toBe(String(8 * 256 + 7))
    const { stdout } = await lab.node(1).exec('ip route; cat /etc/resolv.conf')
    expect(stdout).toMatch(/default via 10\.9\.8\.1/)
    expect(stdout).toMatch(/nameserver 10\.9\.8\.2/)
  })
})

async function addresses(node: LabNode): Promise<string> {
  return (await node.exec('ip -4 addr')).stdout
}
