import * as z from 'zod'
import { fixedAddressSchema, type FixedAddress } from '../../schema/network.ts'
import { readTextIfThere, writeAtomically } from '../os/files.ts'

/** Addresses that were given by hand, by interface. In /run: they hold until the node is switched off; plump.yaml is for those that stay. */
const FILE = '/run/plump/leases/typed-addresses'
const fileSchema = z.record(z.string(), fixedAddressSchema)

export function readTypedAddresses(file = FILE): Map<string, FixedAddress> {
  const text = readTextIfThere(file)
  return new Map(text === undefined ? [] : Object.entries(fileSchema.parse(JSON.parse(text))))
}

export function keepTypedAddresses(addresses: ReadonlyMap<string, FixedAddress>, file = FILE): void {
  writeAtomically(file, `${JSON.stringify(Object.fromEntries(addresses))}\n`)
}
