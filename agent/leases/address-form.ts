import type { FixedAddress } from '../../schema/network.ts'
import { isOnLink, isUnicast } from '../os/ipv4.ts'

/** What somebody types to give a node an address by hand: on the status screen, and in `netsetup`. */
export interface TypedAddress {
  /** `192.168.1.20`, or with its prefix `192.168.1.20/24`. */
  address: string
  /** `255.255.255.0` or `24`; may be left out after an address with prefix. */
  mask: string
  /** May be left out. */
  gateway: string
}
export type AddressField = keyof TypedAddress

/** In the order in which they are asked for. */
export const ADDRESS_FIELDS: readonly { field: AddressField; label: string; hint: string }[] = [
  { field: 'address', label: 'Address', hint: 'as in 192.168.1.20' },
  { field: 'mask', label: 'Mask', hint: 'as in 255.255.255.0 or 24' },
  { field: 'gateway', label: 'Gateway', hint: 'as in 192.168.1.1; empty: none' },
]

export type FieldReading = { ok: true } | { ok: false; why: string }
export type AddressReading = { ok: true; address: FixedAddress } | { ok: false; field: AddressField; why: string }

/** Reads what was typed; `why` is for the person who typed it. */
export function readTypedAddress(typed: TypedAddress): AddressReading {
  const [text = '', prefixText] = typed.address.trim().split('/')
  const address = plainAddress(text)
  if (address === undefined || !isUnicast(address)) return { ok: false, field: 'address', why: 'an address has four numbers, as in 192.168.1.20' }
  const maskText = typed.mask.trim() === '' ? prefixText : typed.mask.trim()
  const prefixLength = maskText === undefined ? undefined : prefixOf(maskText)
  if (prefixLength === undefined) return { ok: false, field: 'mask', why: 'a mask looks like 255.255.255.0, or is a number from 8 to 31' }
  if (!isOnLink(address, address, prefixLength)) return { ok: false, field: 'address', why: `${address} names its network or everyone on it, and no single machine` }
  const gatewayText = typed.gateway.trim()
  if (gatewayText === '') return { ok: true, address: { address: `${address}/${prefixLength}`, dns: [] } }
  const gateway = plainAddress(gatewayText)
  if (gateway === undefined || !isUnicast(gateway)) return { ok: false, field: 'gateway', why: 'a gateway has four numbers, as in 192.168.1.1' }
  if (gateway === address) return { ok: false, field: 'gateway', why: 'that is the address of this node itself' }
  if (!isOnLink(gateway, address, prefixLength)) return { ok: false, field: 'gateway', why: `${gateway} is not on the network of ${address}/${prefixLength}` }
  return { ok: true, address: { address: `${address}/${prefixLength}`, gateway, dns: [] } }
}

/** Whether one field can be left, so that a mistake is told where it was made; what belongs together is checked at the end. */
export function readField(field: AddressField, typed: TypedAddress): FieldReading {
  const filled = field === 'address' ? { ...typed, mask: typed.mask || (typed.address.includes('/') ? '' : '24'), gateway: '' } : field === 'mask' ? { ...typed, gateway: '' } : typed
  const reading = readTypedAddress(filled)
  return reading.ok || reading.field !== field ? { ok: true } : { ok: false, why: reading.why }
}

/** The text when it is a dotted IPv4 address of plain numbers, undefined otherwise. */
function plainAddress(text: string): string | undefined {
  const parts = text.split('.')
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255) ? text : undefined
}

/** Length of the prefix a mask stands for; one whose bits are not in a row is none. */
function prefixOf(text: string): number | undefined {
  if (/^\d{1,2}$/.test(text)) return Number(text) >= 8 && Number(text) <= 31 ? Number(text) : undefined
  const mask = plainAddress(text)
  if (mask === undefined) return undefined
  const bits = mask.split('.').map((part) => Number(part).toString(2).padStart(8, '0')).join('')
  const length = bits.indexOf('0') === -1 ? 32 : bits.indexOf('0')
  return bits.slice(length).includes('1') || length < 8 || length > 31 ? undefined : length
}
