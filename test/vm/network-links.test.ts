import { expect, test } from 'vitest'
import type { LabNode } from '../../builder/lab/lab-node.ts'
import { until } from './support/until.ts'
import { buildVariant } from './support/variant.ts'
import { members, withLab } from './support/with-lab.ts'

/** MAC address of a card in the lab (builder/lab/network.ts). */
const mac = (node: number, nic: number): string => `52:54:00:50:0${node}:0${nic}`

/** Node 1: a bond by DHCP; node 2: an LACP bond, fixed, and a VLAN on it; node 3: a VLAN of its card. Nothing answers LACP on a bridge. */
const NETWORK = `network:
  dns: [10.9.9.9]
  bonds:
    - { name: bond0, cards: ["${mac(1, 0)}", "${mac(1, 1)}"] }
    - { name: bond7, mode: 802.3ad, cards: ["${mac(2, 0)}"], address: 192.168.10.20/24, gateway: 192.168.10.1 }
  vlans:
    - { id: 42, on: bond7, untagged: true, address: 172.16.42.2/24 }
    - { id: 42, on: "${mac(3, 0)}", address: 172.16.42.3/24 }
`

test('a bond of two cards with one pulled, fixed addresses, VLANs on a card and on a bond: all work', async () => {
  const iso = await buildVariant('links', NETWORK)
  await withLab({ nodes: 1, medium: 'kernel', iso, nics: 'virtio-net-pci,e1000' }, async (lab) => {
    const bonded = lab.node(1)
    // A card that does not tell its speed (virtio) is none for LACP.
    const fixed = await lab.add({ medium: 'kernel', iso, nics: 'e1000' })
    const tagged = await lab.add({ medium: 'kernel', iso })

    const lease = await bonded.waitForStage('lease')
    expect(lease.fields).toMatchObject({ if: 'bond0', server: '192.168.10.1' })
    // Either of its two addresses may come first.
    await fixed.waitForText(/plump: lease [^\n]*if=bond7 addr=192\.168\.10\.20/)
    await fixed.waitForStage('ready')
    expect((await tagged.waitForStage('ready')).fields['addr']).toBe('172.16.42.3')
    // Node 3 is on the tagged network alone, from where the others' own addresses cannot be reached.
    await Promise.all([bonded, fixed].map((node) => node.waitForStage('joined')))

    await tagged.waitForText(/plump: lease [^\n]*if=eth0\.42 addr=172\.16\.42\.3/)
    expect((await tagged.exec('ip -4 addr show dev eth0')).stdout).not.toMatch(/inet /)
    expect((await fixed.exec('cat /sys/class/net/bond7/bonding/mode; ip route; cat /etc/resolv.conf')).stdout)
      .toMatch(/802\.3ad[\s\S]*default via 192\.168\.10\.1 dev bond7[\s\S]*nameserver 10\.9\.9\.9/)
    expect((await tagged.exec('ping -c 1 -w 10 172.16.42.2')).exitCode).toBe(0)

    // The card in use is pulled: traffic goes on over the other, and the cluster does not notice.
    const active = (await bonded.exec('cat /sys/class/net/bond0/bonding/active_slave')).stdout.trim()
    const activeMac = (await bonded.exec(`cat /sys/class/net/${active}/bonding_slave/perm_hwaddr`)).stdout.trim()
    await bonded.cut({ nic: activeMac === mac(1, 0) ? 0 : 1, carrier: true })
    await until('the other card is in use', 30, async () => {
      const now = (await bonded.exec('cat /sys/class/net/bond0/bonding/active_slave')).stdout.trim()
      return now !== '' && now !== active
    })
    expect((await bonded.exec('ping -c 3 -w 20 192.168.10.20')).exitCode).toBe(0)
    expect((await bonded.stages()).filter((line) => line.stage === 'lease')).toHaveLength(1)
    expect((await nicsOf(bonded)).map((nic) => `${nic.mac} ${nic.bond}`).toSorted()).toEqual([`${mac(1, 0)} bond0`, `${mac(1, 1)} bond0`])
    expect((await members(fixed)).find((member) => member.addresses.includes(lease.fields['addr'] ?? ''))?.state).toBe('alive')
  })
})

/** Two nodes with nothing but two cables between them, each cable a network of its own. */
const LACP = `network:
  bonds:
    - { name: bond0, mode: 802.3ad, cards: ["${mac(1, 0)}", "${mac(1, 1)}"], address: 192.168.10.21/24 }
    - { name: bond1, mode: 802.3ad, cards: ["${mac(2, 0)}", "${mac(2, 1)}"], address: 192.168.10.22/24 }
`

test('two nodes bonded to each other by LACP: both cards carry, each end knows the other, and with one cable pulled the cluster goes on', async () => {
  const iso = await buildVariant('lacp', LACP)
  await withLab({ nodes: 2, medium: 'kernel', iso, nics: 'e1000@0,e1000@1', dhcp: 'none' }, async (lab) => {
    const [one, other] = [lab.node(1), lab.node(2)]
    await Promise.all(lab.nodes.map((node) => node.waitForStage('joined')))
    for (const [node, bond, partner] of [[one, 'bond0', 2], [other, 'bond1', 1]] as const) {
      const state = async (what: string): Promise<string> => (await node.exec(`cat /sys/class/net/${bond}/bonding/${what}`)).stdout.trim()
      await until(`${bond} has both cards in use`, 60, async () => await state('ad_num_ports') === '2')
      expect([mac(partner, 0), mac(partner, 1)]).toContain(await state('ad_partner_mac'))
    }
    await one.cut({ nic: 0, carrier: true })
    await until('one card is left', 60, async () => (await one.exec('cat /sys/class/net/bond0/bonding/ad_num_ports')).stdout.trim() === '1')
    await until('packets go over it', 60, async () => (await other.exec('ping -c 3 -w 10 192.168.10.21')).exitCode === 0)
    expect((await members(other)).filter(({ state }) => state === 'alive')).toHaveLength(2)
  })
})

async function nicsOf(node: LabNode): Promise<{ mac: string; bond?: string }[]> {
  return JSON.parse((await node.exec('plump nics --json')).stdout) as { mac: string; bond?: string }[]
}
