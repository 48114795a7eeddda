import { hkdfSync } from 'node:crypto'
import * as z from 'zod'
import { SERF_PORT } from '../../schema/discovery.ts'
import { serfNodeName } from './serf-name.ts'

export const SERF_RPC = { host: '127.0.0.1', port: 7373 } as const

/** What is ours to choose in serf.json; serf itself refuses keys it does not know. */
export const serfConfigSchema = z.object({
  node_name: z.string(),
  bind: z.string(),
  advertise: z.string(),
  keyring_file: z.string(),
  rpc_addr: z.string(),
  rpc_auth: z.string(),
  tags: z.record(z.string(), z.string()),
  profile: z.literal('lan'),
  snapshot_path: z.string(),
  rejoin_after_leave: z.boolean(),
  replay_on_join: z.boolean(),
  leave_on_terminate: z.boolean(),
  reconnect_interval: z.string(),
  reconnect_timeout: z.string(),
  disable_coordinates: z.boolean(),
  log_level: z.string(),
})
export type SerfConfig = z.output<typeof serfConfigSchema>

export interface SerfSettings {
  /** 12 hexadecimal digits, see `machineOf`. */
  machine: string
  address: string
  /** See {@link ensureKeyring}. */
  keyringFile: string
  tags: Record<string, string>
  snapshotFile: string
  rpcKey: string
}

/** serf.json for this node: listens on every interface, is known by `address`, and talks only to holders of a key in its keyring. */
export function serfConfig(settings: SerfSettings): SerfConfig {
  return {
    node_name: serfNodeName(settings.machine, settings.address),
    bind: `0.0.0.0:${SERF_PORT}`,
    advertise: settings.address,
    keyring_file: settings.keyringFile,
    rpc_addr: `${SERF_RPC.host}:${SERF_RPC.port}`,
    rpc_auth: settings.rpcKey,
    tags: settings.tags,
    profile: 'lan',
    snapshot_path: settings.snapshotFile,
    // Our leaving is always followed by a return under another address.
    rejoin_after_leave: true,
    replay_on_join: false,
    leave_on_terminate: true,
    // Serf's own attempts at failed members: every 30 s by default, which is long for two nodes whose cable was out.
    reconnect_interval: '15s',
    // A PC that is off for a week is still expected back.
    reconnect_timeout: '168h',
    disable_coordinates: true,
    log_level: 'WARN',
  }
}

/** Whether a serf started with one can go on serving the other: all is equal but the tags, which can be set while it runs, and the RPC key. */
export function isSameService(one: SerfConfig, other: SerfConfig): boolean {
  const fixed = (config: SerfConfig): string => JSON.stringify(Object.entries({ ...config, tags: {}, rpc_auth: '' }).toSorted(([a], [b]) => a.localeCompare(b)))
  return fixed(one) === fixed(other)
}

/** Key of the gossip, base64: 32 bytes (AES-256) of HKDF-SHA256 (RFC 5869), so that the cluster key itself never reaches serf. */
export function gossipKeyOf(clusterKey: Uint8Array): string {
  return Buffer.from(hkdfSync('sha256', clusterKey, new Uint8Array(0), 'plump serf v1', 32)).toString('base64')
}
