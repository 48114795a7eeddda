import { describe, expect, test } from 'vitest'
import { addressableLinks, planLinks } from '../../agent/links/link-plan.ts'
import type { MadeLink } from '../../agent/links/link-plan.ts'
import { loadConfig } from '../../builder/config/load-config.ts'
import { nodeNetworkSchema, type NodeNetwork } from '../../schema/network.ts'
import type { NicReport } from '../../schema/node-state.ts'

const mac = (card: number): string => `52:54:00:00:00:0${card}`
const nic = (card: number, carrier = true): NicReport => ({
  interface: `eth${card}`, mac: mac(card), busId: `pci:0000:00:0${card}.0`, driver: { state: 'bound', module: 'e1000' }, carrier,
})
const network = (text: unknown): NodeNetwork => nodeNetworkSchema.parse(text)
const made = (...names: string[]): Map<string, MadeLink> => new Map(names.map((name) => [name, { mac: mac(0), carrier: true }]))

describe('what is made of the cards', () => {
  test('a bond comes with the first of its cards and takes the others as they come', () => {
    const bonds = network({ bonds: [{ name: 'bond0', cards: [mac(0), mac(1)] }] })
    expect(planLinks(bonds, []).bonds).toEqual([])
    expect(planLinks(bonds, [nic(1)]).bonds).toEqual([{ name: 'bond0', mode: 'active-backup', cards: ['eth1'] }])
    expect(planLinks(bonds, [nic(1), nic(0)]).bonds[0]?.cards).toEqual(['eth0', 'eth1'])
  })

  test('a VLAN comes with its card or its bond', () => {
    const vlans = network({ bonds: [{ name: 'bond0', mode: '802.3ad', cards: [mac(1)] }], vlans: [{ id: 7, on: mac(0) }, { id: 8, on: 'bond0' }] })
    expect(planLinks(vlans, [nic(0)]).vlans).toEqual([{ name: 'eth0.7', parent: 'eth0', id: 7 }])
    expect(planLinks(vlans, [nic(1)]).vlans).toEqual([{ name: 'bond0.8', parent: 'bond0', id: 8 }])
  })
})

describe('what has addresses', () => {
  const names = (text: unknown, nics: readonly NicReport[], ...links: string[]): string[] => addressableLinks(network(text), nics, made(...links)).map((link) => link.interface)

  test('without bonds and VLANs: every card, with its fixed address', () => {
    const fixed = network({ static: [{ mac: mac(1).toUpperCase(), address: '10.0.0.5/24', gateway: '10.0.0.1' }] })
    expect(addressableLinks(fixed, [nic(0, false), nic(1)], new Map())).toEqual([
      { interface: 'eth0', mac: mac(0), carrier: false },
      { interface: 'eth1', mac: mac(1), carrier: true, fixed: { mac: mac(1), address: '10.0.0.5/24', gateway: '10.0.0.1', dns: [] } },
    ])
  })

  test('the bond and not its cards, also before it is made', () => {
    const bonds = { bonds: [{ name: 'bond0', cards: [mac(0), mac(1)] }] }
    expect(names(bonds, [nic(0), nic(1), nic(2)])).toEqual(['eth2'])
    expect(names(bonds, [nic(0), nic(1), nic(2)], 'bond0')).toEqual(['eth2', 'bond0'])
  })

  test('the VLANs of a card and not the card, unless its untagged side is wanted or it has an address', () => {
    const vlan = { id: 7, on: mac(0), address: '10.7.0.1/24' }
    expect(names({ vlans: [vlan] }, [nic(0)], 'eth0.7')).toEqual(['eth0.7'])
    expect(names({ vlans: [{ ...vlan, untagged: true }] }, [nic(0)], 'eth0.7')).toEqual(['eth0', 'eth0.7'])
    expect(names({ vlans: [vlan], static: [{ mac: mac(0), address: '10.0.0.5/24' }] }, [nic(0)], 'eth0.7')).toEqual(['eth0', 'eth0.7'])
  })

  test('VLANs of one number on two cards keep their addresses apart', () => {
    const vlans = network({ vlans: [{ id: 7, on: mac(0), address: '10.7.0.1/24' }, { id: 7, on: mac(1), address: '10.7.0.2/24' }] })
    expect(addressableLinks(vlans, [nic(0), nic(1)], made('eth0.7', 'eth1.7')).map(({ interface: name, fixed }) => [name, fixed?.address]))
      .toEqual([['eth0.7', '10.7.0.1/24'], ['eth1.7', '10.7.0.2/24']])
  })
})

describe('a network that cannot be meant is refused with the line', () => {
  const bond = `network:\n  bonds:\n    - { name: bond0, cards: ["${mac(0)}"] }\n`
  test.each([
    [`${bond}    - { name: bond1, cards: ["${mac(0)}"] }\n`, `network.bonds.1.cards.0: ${mac(0)} is in bond0 already`],
    [`${bond}    - { name: bond0, cards: ["${mac(1)}"] }\n`, 'network.bonds.1.name: bond0 is there twice'],
    [`${bond}  static:\n    - { mac: "${mac(0)}", address: 10.0.0.1/24 }\n`, `:5: network.static.0.mac: ${mac(0)} is in bond0; give the address to bond0`],
    [`${bond}  vlans:\n    - { id: 7, on: "${mac(0)}" }\n`, `network.vlans.0.on: ${mac(0)} is in bond0; put the VLAN on bond0`],
    ['network:\n  vlans:\n    - { id: 7, on: bond3 }\n', 'network.vlans.0.on: there is no bond3'],
    ['network:\n  vlans:\n    - { id: 4095, on: bond3 }\n', 'network.vlans.0.id: '],
    [`network:\n  vlans:\n    - { id: 7, on: "${mac(0)}", gateway: 10.0.0.1 }\n`, 'network.vlans.0.gateway: a gateway needs an address'],
    [`network:\n  static:\n    - { mac: "${mac(0)}", address: 10.0.0.1/24 }\n    - { mac: "${mac(0)}", address: 10.0.0.2/24 }\n`, 'network.static.1.mac: '],
  ])('%j', (text, message) => {
    expect(() => loadConfig(text, 'plump.yaml')).toThrow(message)
  })
})
