import { chmod, mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { BootEvent } from '../../schema/boot-server/boot-journal.ts'
import { chooseLan, type Lan, type LanWishes } from '../../schema/boot-server/lan.ts'
import { BootServerProblem } from '../../schema/boot-server/problem.ts'
import { unservable } from '../../schema/boot-server/scripts.ts'
import { serveMedium } from '../../schema/boot-server/serve-medium.ts'
import type { Secret } from '../../schema/inspection.ts'
import { EXIT, PlumpError } from '../errors.ts'
import { describeSecrets } from '../image/secrets.ts'
import { run } from '../os/run.ts'
import { openServedMedium } from './served-medium.ts'

export interface ServeOptions extends LanWishes {
  iso: string
  port: number
  signal: AbortSignal
  onEvent: (event: BootEvent) => void
  /** Something to know that does not stop the serving. */
  onRemark: (text: string) => void
  onServing: (lan: Lan) => void
}

/** Serves an ISO to machines that start over the network, until the signal fires. Throws PlumpError. */
export async function serve(options: ServeOptions): Promise<void> {
  const { signal } = options
  const folder = await mkdtemp(join(tmpdir(), 'plump-serve-'))
  const ends: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })]
  try {
    const lan = chooseLan(networkInterfaces(), options)
    // The folder is for us alone but for what dnsmasq, which runs as another user, sends by TFTP.
    await chmod(folder, 0o711)
    await mkdir(join(folder, 'tftp'))
    const medium = await openServedMedium(options.iso, join(folder, 'medium'), join(folder, 'tftp'), signal)
    for (const remark of remarksOn(medium.secrets, unservable([...medium.files.keys()]))) options.onRemark(remark)

    if (lan.addressMissing) {
      await run('ip', ['link', 'set', lan.interface, 'up'], { signal })
      await run('ip', ['address', 'add', `${lan.address}/${lan.prefixLength}`, 'dev', lan.interface], { signal })
      ends.push(() => run('ip', ['address', 'delete', `${lan.address}/${lan.prefixLength}`, 'dev', lan.interface]))
    }
    const sameUser = isUserNamespace(readFileSync('/proc/self/uid_map', 'utf8')) || !await isOpenToAll(folder)
    await serveMedium({ lan, dnsmasq: { program: 'dnsmasq' }, port: options.port, files: medium.files, folder, sameUser, signal, onEvent: options.onEvent, onServing: () => options.onServing(lan) })
  } catch (error) {
    if (!(error instanceof BootServerProblem)) throw error
    throw new PlumpError(error.code, error.message, { fix: error.fix, exitCode: error.isUsage ? EXIT.usage : EXIT.failed, cause: error })
  } finally {
    for (const end of ends.reverse()) await end()
  }
}

/** What whoever serves a medium should know of it. */
export function remarksOn(secrets: readonly Secret[], leftOut: readonly string[]): string[] {
  return [
    ...(secrets.length === 0 ? [] : [`this ISO carries ${describeSecrets(secrets)}, and whoever asks on this network is given that`
      + `${secrets.includes('cluster-key') ? '; cluster.key: ask in plump.yaml makes one without the key' : ''}`]),
    ...(leftOut.length === 0 ? [] : [`not served, because boot loaders cannot name them: ${leftOut.join(', ')}`]),
  ]
}

/** Whether other users can reach a folder: a lab keeps its own to itself. */
async function isOpenToAll(folder: string): Promise<boolean> {
  for (let path = folder; path !== '/'; path = dirname(path)) {
    if (((await stat(path)).mode & 0o001) === 0) return false
  }
  return true
}

/** Whether this process can change to few users only: /proc/self/uid_map of the machine itself maps all of them (user_namespaces(7)). */
export function isUserNamespace(uidMap: string): boolean {
  return !/^\s*0\s+0\s+4294967295\s*$/.test(uidMap)
}
