import { promises, watch } from 'node:fs'
import type { Lease } from '../../schema/node-state.ts'
import { readTextIfThere, writeAtomically } from '../os/files.ts'
import { processOfPidFile, signalProcess, startDetached } from '../os/processes.ts'
import { parseLeaseFile } from './lease-file.ts'

/** One udhcpc per interface. It outlives the agent, and its script sets the address, so renewals never depend on us. */

const BUSYBOX = '/usr/bin/busybox'
const FOLDER = '/run/plump/leases'
/** At first once a second, ten times: a wire that has just come up often loses the first ones. Later tries are shorter. */
const FIRST_TRY = ['-t', '10', '-T', '1']
const LATER_TRY = ['-t', '4', '-T', '2']

const pidFile = (name: string): string => `${FOLDER}/${name}.pid`
const leaseFile = (name: string): string => `${FOLDER}/${name}.json`

/** Asks for a lease; udhcpc ends by itself when nobody answers its series of questions, and serves the lease otherwise. */
export function startDhcp(name: string, options: { wanted: string | undefined; firstTry: boolean }, onEnded: () => void): void {
  stopDhcp(name)
  const wanted = options.wanted === undefined ? [] : ['-r', options.wanted]
  const pid = startDetached(BUSYBOX, [
    'udhcpc', '-f', '-n', '-i', name, '-s', '/usr/lib/plump/udhcpc-event', '-O', 'ntpsrv', '-V', 'plump',
    ...(options.firstTry ? FIRST_TRY : LATER_TRY), ...wanted,
  ], onEnded)
  // Not by udhcpc's own -p: it writes the file only when it is well under way, and takes it away again after its successor wrote it.
  if (pid !== undefined) writeAtomically(pidFile(name), `${pid}\n`)
}

/** Has the lease confirmed or refused at once, as after a change of the wire. */
export function renewDhcp(name: string): void {
  const pid = dhcpProcess(name)
  if (pid !== undefined) signalProcess(pid, 'SIGUSR1')
}

export function stopDhcp(name: string): void {
  const pid = dhcpProcess(name)
  if (pid !== undefined) signalProcess(pid, 'SIGTERM')
}

/** The udhcpc that serves an interface, also one that an earlier agent started. */
export function dhcpProcess(name: string): number | undefined {
  return processOfPidFile(pidFile(name), ['udhcpc', name])
}

export function readLease(name: string): Lease | undefined {
  return parseLeaseFile(name, readTextIfThere(leaseFile(name)) ?? '')
}

/** Forgets an interface that is gone; its next owner of the name starts afresh. */
export async function forgetDhcp(name: string): Promise<void> {
  stopDhcp(name)
  await Promise.all([leaseFile(name), pidFile(name), `${FOLDER}/${name}.set`].map((path) => promises.rm(path, { force: true })))
}

/** Calls `onChange` with the interface whose lease file was written; gives the function that ends this. */
export function watchLeases(onChange: (name: string) => void): () => void {
  const watcher = watch(FOLDER, (_event, file) => {
    if (file?.endsWith('.json')) onChange(file.slice(0, -'.json'.length))
  })
  return () => watcher.close()
}
