import type { Lease } from '../../schema/node-state.ts'
import { isOnLink } from '../os/ipv4.ts'
import { compareMerits } from './merits.ts'

export interface AddressView {
  leases: readonly Lease[]
  /** The address in use, which may have gone from `leases`. */
  current: string | undefined
  /** Addresses at which nodes with our key are heard. */
  neighbours: readonly string[]
  /** Addresses of the other live members. */
  company: readonly string[]
  /** Whether a neighbour was heard on the network of `current` since it came into use. */
  metHere: boolean
}

/**
 * The address to be known by among the members; undefined while there is none. What is in use stays, since a change makes this node leave and
 * come back, except when it is gone, or when nobody is met there: then the network with most of our kind is better, and an address that was given
 * better than a link-local one.
 */
export function chooseAddress(view: AddressView): Lease | undefined {
  const current = view.leases.find((lease) => lease.address === view.current)
  if (current && servesWell(current, view)) return current
  const ours = [...new Set([...view.neighbours, ...view.company])]
  const merit = (lease: Lease): number[] => [
    ours.filter((address) => isOn(lease, address)).length,
    lease.kind === 'link-local' ? 0 : 1,
    lease === current ? 1 : 0,
  ]
  // sort() keeps the order of equals, and leases stand in the order they were had.
  return [...view.leases].sort((one, other) => compareMerits(merit(other), merit(one)))[0]
}

/**
 * Whether the members that are there can be expected to reach this node at `current`. A member that joined it by another of its addresses may
 * not: this node would be seen as failed though it sees all. Members on none of our networks are reached by a router, from any address.
 */
function servesWell(current: Lease, view: AddressView): boolean {
  if (view.company.length === 0) return false
  return view.metHere || view.company.some((address) => isOn(current, address))
    || !view.company.some((address) => view.leases.some((lease) => isOn(lease, address)))
}

/** Whether `address` is a machine's on the network of `lease`. */
export function isOn(lease: Lease, address: string): boolean {
  return isOnLink(address, lease.address, lease.prefixLength)
}
