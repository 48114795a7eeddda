import type { NodeNetwork } from '../../schema/network.ts'
import type { NicReport } from '../../schema/node-state.ts'
import type { Link } from '../state.ts'

/** What is to be made of the cards that are there, and which of it all may have addresses. Pure; kernel-links.ts does it. */

export interface WantedBond {
  name: string
  mode: NodeNetwork['bonds'][number]['mode']
  /** Interfaces of its cards that are there. */
  cards: string[]
}

export interface WantedVlan {
  /** As the kernel names it: PARENT.ID. */
  name: string
  parent: string
  id: number
}

export interface LinkPlan {
  bonds: WantedBond[]
  vlans: WantedVlan[]
}

/** An interface made of others, as the kernel has it now. */
export interface MadeLink {
  mac: string
  carrier: boolean
}

/** The bonds and VLANs whose cards are there; a bond comes with its first card, a VLAN with what it is on. */
export function planLinks(network: NodeNetwork, nics: readonly NicReport[]): LinkPlan {
  const cardOf = (mac: string): string | undefined => nics.find((nic) => nic.mac === mac)?.interface
  const bonds = network.bonds.flatMap(({ name, mode, cards: macs }) => {
    const cards = macs.flatMap((mac) => cardOf(mac) ?? [])
    return cards.length === 0 ? [] : [{ name, mode, cards }]
  })
  const vlans = network.vlans.flatMap(({ id, on }) => {
    const parent = on.startsWith('bond') ? bonds.find(({ name }) => name === on)?.name : cardOf(on)
    return parent === undefined ? [] : [{ name: `${parent}.${id}`, parent, id }]
  })
  return { bonds, vlans }
}

/**
 * The interfaces that are to have addresses: VLANs and bonds that are made, and cards of their own. The cards of a bond are not among
 * them, nor is what carries VLANs, save with `untagged` or an address of its own.
 */
export function addressableLinks(network: NodeNetwork, nics: readonly NicReport[], made: ReadonlyMap<string, MadeLink>): Link[] {
  const bonded = new Set(network.bonds.flatMap(({ cards }) => cards))
  const isForTagsOnly = (on: string): boolean => {
    const vlans = network.vlans.filter((vlan) => vlan.on === on)
    return vlans.length > 0 && !vlans.some(({ untagged }) => untagged)
  }
  const cards = nics.flatMap(({ interface: name, mac = '', carrier }): Link[] => {
    const fixed = network.static.find((entry) => entry.mac === mac)
    if (name === undefined || bonded.has(mac) || (isForTagsOnly(mac) && !fixed)) return []
    return [{ interface: name, mac, carrier, ...(fixed === undefined ? {} : { fixed }) }]
  })
  const bonds = network.bonds.flatMap((bond): Link[] => {
    const link = made.get(bond.name)
    if (!link || (isForTagsOnly(bond.name) && bond.address === undefined)) return []
    return [{ interface: bond.name, ...link, ...fixedOf(bond) }]
  })
  const vlans = planLinks(network, nics).vlans.flatMap(({ name, parent, id }): Link[] => {
    const link = made.get(name)
    const entry = network.vlans.find((vlan) => vlan.id === id && (vlan.on === parent || nics.some((nic) => nic.interface === parent && nic.mac === vlan.on)))
    return link && entry ? [{ interface: name, ...link, ...fixedOf(entry) }] : []
  })
  return [...cards, ...bonds, ...vlans]
}

function fixedOf({ address, gateway, dns }: NodeNetwork['bonds'][number] | NodeNetwork['vlans'][number]): Pick<Link, 'fixed'> {
  if (address === undefined) return {}
  return { fixed: { address, ...(gateway === undefined ? {} : { gateway }), dns } }
}
