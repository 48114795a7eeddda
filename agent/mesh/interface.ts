import { existsSync } from 'node:fs'
import { MESH_INTERFACE, MESH_PREFIX_LENGTH } from '../../schema/mesh-address.ts'
import type { Lease } from '../../schema/node-state.ts'
import { readTextIfThere, writeAtomically } from '../os/files.ts'
import { run } from '../os/run.ts'

const CONFIG_FILE = '/run/plump/mesh/plump0.conf'
/** What WireGuard adds to a packet on IPv4: 20 bytes of IP, 8 of UDP, 32 of its own. */
const WIREGUARD_BYTES = 60
/** The least every IPv6 path carries; no mesh would work below it. */
const LEAST_MTU = 1_280
const USUAL_MTU = 1_500

/** What fits through the mesh whole: as much as the narrowest of the networks carries, less what WireGuard adds. */
export function meshMtu(leases: readonly Lease[], sysNetFolder = '/sys/class/net'): number {
  const mtus = leases.map((lease) => Number(readTextIfThere(`${sysNetFolder}/${lease.interface}/mtu`)) || USUAL_MTU)
  return Math.max(LEAST_MTU, (mtus.length === 0 ? USUAL_MTU : Math.min(...mtus)) - WIREGUARD_BYTES)
}

/** Makes the mesh's interface, if it is not there yet, and gives it its address in place of any other. Throws CommandFailed. */
export async function setUpInterface(address: string, mtu: number): Promise<void> {
  if (!existsSync(`/sys/class/net/${MESH_INTERFACE}`)) await run('ip', ['link', 'add', MESH_INTERFACE, 'type', 'wireguard'])
  await run('ip', ['address', 'flush', 'dev', MESH_INTERFACE])
  await run('ip', ['address', 'add', `${address}/${MESH_PREFIX_LENGTH}`, 'dev', MESH_INTERFACE])
  await run('ip', ['link', 'set', MESH_INTERFACE, 'mtu', String(mtu), 'up'])
}

/** Gives the interface its keys and peers; sessions with peers that stay go on. Throws CommandFailed. */
export async function configurePeers(config: string): Promise<void> {
  writeAtomically(CONFIG_FILE, config, 0o600)
  await run('wg', ['syncconf', MESH_INTERFACE, CONFIG_FILE])
}

/** What WireGuard has counted for each peer, see `parseDump`. */
export function dumpPeers(): Promise<string> {
  return run('wg', ['show', MESH_INTERFACE, 'dump'])
}
