import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { readTextIfThere } from '../os/files.ts'
import { run } from '../os/run.ts'

const NFSD = '/proc/fs/nfsd'
export const NFS_PORT = 2_049
const THREADS = 8
/** How long a client that fell silent keeps its locks against others who want them. */
const LEASE_SECONDS = 15
const MODULE_LIMIT_MS = 60_000

/** Starts the kernel's NFS server, version 4 only, and loads the client; one that runs already goes on. Throws when this kernel has none. */
export async function startNfsServer(): Promise<void> {
  // usr/lib/plump/settle began with that at the lowest priority; this waits for what is left of it.
  await run('modprobe', ['-a', 'nfsd', 'nfs', 'nfsv4'], MODULE_LIMIT_MS)
  if (!existsSync(`${NFSD}/threads`)) await run('mount', ['-t', 'nfsd', 'nfsd', NFSD])
  if (Number(readTextIfThere(`${NFSD}/threads`)) > 0) return
  // What a start that failed half-way has left: the settings below are refused while the server listens.
  if (readTextIfThere(`${NFSD}/portlist`) !== '') writeFileSync(`${NFSD}/threads`, '0\n')
  // Where the server notes its clients, to let them reclaim locks after a restart of the server; there is none without a restart of the node.
  mkdirSync('/var/lib/nfs/v4recovery', { recursive: true })
  writeFileSync(`${NFSD}/versions`, '-2 -3\n')
  // Both only before the server listens: afterwards the first open would wait for the usual 90 s.
  writeFileSync(`${NFSD}/nfsv4leasetime`, `${LEASE_SECONDS}\n`)
  writeFileSync(`${NFSD}/nfsv4gracetime`, `${LEASE_SECONDS}\n`)
  // The firewall lets NFS in by the mesh alone.
  writeFileSync(`${NFSD}/portlist`, `tcp ${NFS_PORT}\n`)
  writeFileSync(`${NFSD}/threads`, `${THREADS}\n`)
  // Nobody held a lock on this node before it booted: no grace period is needed.
  writeFileSync(`${NFSD}/v4_end_grace`, 'Y\n')
}

/**
 * Gives this node's NFS client a name of its own. By default it is the host name, and two clients of one name end each other's locks
 * (nfs-client.rst). Before the first mount only.
 */
export function nameNfsClient(name: string): void {
  const file = '/sys/fs/nfs/net/nfs_client/identifier'
  if (readFileSync(file, 'utf8').trim() === '(null)') writeFileSync(file, name)
}
