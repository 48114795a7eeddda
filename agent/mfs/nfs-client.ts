import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { readTextIfThere } from '../os/files.ts'
import { run } from '../os/run.ts'
import { parseMountInfo, type Mount } from './mounts.ts'

export const MFS = '/mfs'

/**
 * Mount options of /mfs, which the kernel takes over for each node it mounts there. softerr, timeo and retrans: a node that is gone costs an error
 * (ETIMEDOUT) and no hanging process; a slow one costs nothing, because the timeout counts only while nothing is acknowledged on the connection.
 * actimeo: names and sizes may be this old; opening a file always asks.
 */
const OPTIONS = ['vers=4.2', 'addr=127.0.0.1', 'clientaddr=127.0.0.1', 'proto=tcp', 'softerr', 'timeo=10', 'retrans=2', 'actimeo=3', 'nodev'].join(',')

export function currentMounts(): Mount[] {
  return parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8'))
}

/** Mounts /mfs unless it is. Throws CommandFailed. */
export async function mountMfs(): Promise<void> {
  if (currentMounts().some(({ path }) => path === MFS)) return
  await run('mount', ['-t', 'nfs4', '-o', OPTIONS, '127.0.0.1:/', MFS])
}

/** Makes `folder` show, locally, what lies at `path`, without what is mounted below it. */
export async function bind(path: string, folder: string): Promise<void> {
  await run('mount', ['--bind', path, folder])
  await run('mount', ['-o', 'remount,bind,nodev', folder])
}

/** Takes a mount away whether it is in use or not. */
export async function unmountNow(path: string): Promise<void> {
  await run('umount', ['-l', path])
}

/**
 * Ends all that waits for the NFS server `address`, in any process and for ever: each gets an error (EIO). Whoever still has files open there
 * goes on getting errors, until they are closed and the kernel forgets that it ever knew the server.
 */
export function giveUpServer(address: string): void {
  for (const device of volumesOf(address, readTextIfThere('/proc/fs/nfsfs/volumes') ?? '')) {
    const file = `/sys/fs/nfs/${device}/shutdown`
    if (existsSync(file)) writeFileSync(file, '1')
  }
}

/** Device numbers of what is mounted from a server, by /proc/fs/nfsfs/volumes: `NV SERVER PORT DEV FSID FSC` with the address in hexadecimal. */
export function volumesOf(address: string, volumes: string): string[] {
  const server = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0')).join('')
  return volumes.split('\n').flatMap((line) => {
    const [, at, , device] = line.trim().split(/\s+/)
    return at === server && device !== undefined ? [device] : []
  })
}
