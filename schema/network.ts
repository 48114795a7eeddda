import * as z from 'zod'

/**
 * The part of plump.yaml's `network` that a node carries in node.json. It has a file of its own because the node should not load all of
 * plump.yaml's schema.
 */

/** With more members a bond is a mistake; the limit keeps what one asks of the kernel bounded. */
const BOND_CARDS_LIMIT = 8

export const macAddress = z.string().regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i, 'a MAC address looks like 52:54:00:12:34:56')
  .transform((mac) => mac.toLowerCase())
const ipv4Cidr = z.string().refine((text) => z.cidrv4().safeParse(text).success, 'an address with its prefix looks like 192.168.1.20/24')
const bondName = z.string().regex(/^bond\d{1,2}$/, 'a bond is called bond0 to bond99')

const timeServer = z.union([z.ipv4(), z.string().regex(/^(?=.{1,253}$)[a-z0-9-]+(\.[a-z0-9-]+)*$/i, 'an address or a host name')])

const address = ipv4Cidr.describe('address with prefix length')
const gateway = z.ipv4().optional().describe('default gateway')
const dns = z.array(z.ipv4()).max(8).default([]).describe('name servers')

/** An address that is given and not asked for by DHCP. */
export const fixedAddressSchema = z.strictObject({ address, gateway, dns })
export type FixedAddress = z.output<typeof fixedAddressSchema>

export const staticAddressSchema = z.strictObject({
  mac: macAddress.describe('the network card, by its MAC address'),
  address,
  gateway,
  dns,
})

export const BOND_MODES = ['active-backup', '802.3ad'] as const

export const bondSchema = z.strictObject({
  name: bondName.describe('interface name of the bond'),
  mode: z.enum(BOND_MODES).default('active-backup').describe('active-backup: one card works, another takes over when its cable goes; 802.3ad: all work, the switch must speak LACP'),
  cards: z.array(macAddress).min(1).max(BOND_CARDS_LIMIT).describe('its network cards, by their MAC addresses'),
  address: address.optional().describe('fixed address with prefix length; without it the bond asks DHCP'),
  gateway,
  dns,
})
export type Bond = z.output<typeof bondSchema>

export const vlanSchema = z.strictObject({
  id: z.int().min(1).max(4094).describe('number of the VLAN'),
  on: z.union([macAddress, bondName]).describe('the network card, by its MAC address, or the name of a bond'),
  untagged: z.boolean().default(false).describe('whether what comes without a tag is used as well; without it the card serves its VLANs only'),
  address: address.optional().describe('fixed address with prefix length; without it the VLAN asks DHCP'),
  gateway,
  dns,
})
export type Vlan = z.output<typeof vlanSchema>

export const nodeNetworkSchema = z.strictObject({
  static: z.array(staticAddressSchema).max(256).default([]).describe('fixed addresses by MAC; every other card asks DHCP'),
  bonds: z.array(bondSchema).max(64).default([]).describe('cards that act as one'),
  vlans: z.array(vlanSchema).max(64).default([]).describe('tagged networks on cards or bonds'),
  dns: z.array(z.ipv4()).max(8).default([]).describe('name servers, asked before those that DHCP brings'),
  ntp: z.array(timeServer).max(8).default([]).describe('time servers; default: those that DHCP brings, else the clock of the first member'),
})
export type NodeNetwork = z.output<typeof nodeNetworkSchema>

export interface NetworkProblem {
  path: (string | number)[]
  message: string
}

/** Passphrases are those of WPA2 and WPA3: 8 to 63 printable characters, or the 64 hexadecimal digits made of one. */
export const wifiNetworkSchema = z.strictObject({
  ssid: z.string().min(1).refine((ssid) => new TextEncoder().encode(ssid).length <= 32, 'the name of a Wi-Fi network has up to 32 bytes').describe('name of the Wi-Fi network'),
  psk: z.string().regex(/^([ -~]{8,63}|[0-9a-fA-F]{64})$/, 'a Wi-Fi password has 8 to 63 plain characters').optional().describe('its password, a secret; without one the network is an open one'),
})
export type WifiNetwork = z.output<typeof wifiNetworkSchema>
/** /etc/plump/wifi.json (mode 600): apart from node.json, which everyone on a node may read. */
export const wifiFileSchema = z.array(wifiNetworkSchema).max(32)

/** What in a network cannot be meant: a card in two places, a VLAN on a card that a bond has, a gateway without an address. */
export function networkProblems({ static: fixed, bonds, vlans }: NodeNetwork): NetworkProblem[] {
  const problems: NetworkProblem[] = []
  const say = (path: (string | number)[], message: string): void => void problems.push({ path, message })
  const bondOf = new Map<string, string>()
  bonds.forEach((bond, index) => {
    if (bonds.findIndex((other) => other.name === bond.name) !== index) say(['bonds', index, 'name'], `${bond.name} is there twice`)
    bond.cards.forEach((mac, card) => {
      const other = bondOf.get(mac)
      if (other !== undefined) say(['bonds', index, 'cards', card], `${mac} is in ${other} already; a card can be in one bond`)
      else bondOf.set(mac, bond.name)
    })
  })
  fixed.forEach(({ mac }, index) => {
    const bond = bondOf.get(mac)
    if (bond !== undefined) say(['static', index, 'mac'], `${mac} is in ${bond}; give the address to ${bond}`)
    if (fixed.findIndex((other) => other.mac === mac) !== index) say(['static', index, 'mac'], `${mac} is there twice`)
  })
  vlans.forEach(({ id, on }, index) => {
    const bond = bondOf.get(on)
    if (bond !== undefined) say(['vlans', index, 'on'], `${on} is in ${bond}; put the VLAN on ${bond}`)
    if (on.startsWith('bond') && !bonds.some(({ name }) => name === on)) say(['vlans', index, 'on'], `there is no ${on} under network.bonds`)
    if (vlans.findIndex((other) => other.id === id && other.on === on) !== index) say(['vlans', index, 'id'], `VLAN ${id} is on ${on} twice`)
  })
  for (const [list, entries] of Object.entries({ bonds, vlans })) {
    entries.forEach((entry, index) => {
      if (entry.address === undefined && entry.gateway !== undefined) say([list, index, 'gateway'], 'a gateway needs an address beside it; DHCP brings its own')
    })
  }
  return problems
}
