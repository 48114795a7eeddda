import { ADDRESS_FIELDS, readField, readTypedAddress, type TypedAddress } from '../leases/address-form.ts'
import type { SetAddress } from '../leases/leases.ts'
import { typeInto } from './masked-line.ts'

/** The form on the status screen in which an address can be typed: what is in it so far. Enter goes to the next field and, after the last, sets the address. */
export interface AddressPanel {
  typed: TypedAddress
  /** Index in ADDRESS_FIELDS. */
  at: number
  /** Why the last field, or the whole, was not taken. */
  refusal: string | undefined
}

export const EMPTY_PANEL: AddressPanel = { typed: { address: '', mask: '', gateway: '' }, at: 0, refusal: undefined }

/** The form after some characters were typed; undefined when it is done with or given up (Ctrl-C). */
export function typeIntoPanel(panel: AddressPanel, typed: string, setAddress: SetAddress): AddressPanel | undefined {
  let now: AddressPanel | undefined = panel
  // A pasted text may hold several lines; each of them ends one field.
  for (const piece of typed.split(/(?<=[\r\n])/)) now = now && typePiece(now, piece, setAddress)
  return now
}

function typePiece(panel: AddressPanel, piece: string, setAddress: SetAddress): AddressPanel | undefined {
  const field = ADDRESS_FIELDS[panel.at]?.field ?? 'address'
  const result = typeInto({ text: panel.typed[field] }, piece)
  if (result.state === 'given-up') return undefined
  if (result.state === 'typing') return { ...panel, typed: { ...panel.typed, [field]: result.line.text } }
  const typed = { ...panel.typed, [field]: result.text }
  const fieldReading = readField(field, typed)
  if (!fieldReading.ok) return { typed: { ...typed, [field]: '' }, at: panel.at, refusal: fieldReading.why }
  const next = nextField(typed, panel.at)
  if (next < ADDRESS_FIELDS.length) return { typed, at: next, refusal: undefined }
  const reading = readTypedAddress(typed)
  if (!reading.ok) return { typed: { ...typed, [reading.field]: '' }, at: ADDRESS_FIELDS.findIndex((one) => one.field === reading.field), refusal: reading.why }
  const verdict = setAddress(undefined, reading.address)
  return verdict.accepted ? undefined : { ...EMPTY_PANEL, refusal: verdict.why }
}

/** The mask is not asked for when it came with the address. */
function nextField(typed: TypedAddress, at: number): number {
  const next = at + 1
  return ADDRESS_FIELDS[next]?.field === 'mask' && typed.address.includes('/') ? next + 1 : next
}
