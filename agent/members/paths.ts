import { existsSync } from 'node:fs'
import { SERF_KEYRING } from './serf-keyring.ts'

/** Files that Serf and the agent share, and where the kernel tells of cards. */
export interface MemberPaths {
  configFile: string
  keyringFile: string
  pidFile: string
  bell: string
  snapshotFile: string
  staticFile: string
  sysNetFolder: string
}

/** Those of a node. */
export const nodePaths = (): MemberPaths => ({
  configFile: '/run/plump/serf/serf.json',
  keyringFile: SERF_KEYRING,
  pidFile: '/run/plump/serf/serf.pid',
  bell: '/run/plump/serf/bell',
  // On a partition PLUMPDATA, when one is mounted, so that the members of before are found again where multicast does not reach.
  snapshotFile: existsSync('/run/plump/data/plump') ? '/run/plump/data/plump/serf-snapshot' : '/run/plump/serf/snapshot',
  staticFile: '/run/plump/static-members.json',
  sysNetFolder: '/sys/class/net',
})
