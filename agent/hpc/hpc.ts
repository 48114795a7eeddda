import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname } from 'node:path'
import type { Admin } from '../admin/admin.ts'
import { nodeMembers, statusState } from '../api/node-status.ts'
import type { AgentContext, Capability } from '../capability.ts'
import type { Jobs } from '../jobs/jobs.ts'
import type { Migration } from '../migration/migration.ts'
import { run } from '../os/run.ts'
import { currentMounts } from '../mfs/nfs-client.ts'
import { serveNinep } from './ninep-server.ts'
import { hpcTree } from './tree.ts'

const SOCKET = '/run/plump/hpc.sock'
export const HPC = '/hpc'
/** Nothing is kept by the kernel: each read asks the agent, each write tells it, and errors reach the writer. */
const OPTIONS = 'trans=unix,version=9p2000.L,cache=none,access=any,msize=65536,nodev,nosuid,noexec'
const RETRY_MS = 10_000
const CONNECTIONS_LIMIT = 8

/** Shows state and settings below /hpc, by the kernel's 9P client; it begins once the node serves its files, when the modules are there. */
export function startHpc(context: AgentContext, admin: Admin, jobs: Pick<Jobs, 'change'>, migration: Pick<Migration, 'orderMove'>): Capability {
  const { state } = context
  const log = context.log.named('hpc')
  const tree = hpcTree({
    self: () => state.get('identity')?.id, members: () => nodeMembers(statusState(state)), admin,
    jobs: () => state.get('jobs'), moveCost: () => state.get('loads').moves, move: (job, to) => migration.orderMove(job, to), change: (job, change) => jobs.change(job, change),
    refused: (why) => log.info(why),
  })
  const server = createServer((socket) => serveNinep(socket, tree))
  server.maxConnections = CONNECTIONS_LIMIT
  let timer: NodeJS.Timeout | undefined
  let begun = false

  const mount = async (): Promise<void> => {
    try {
      // What an agent that ended has left answers nobody any more.
      if (currentMounts().some(({ path }) => path === HPC)) await run('umount', ['-l', HPC])
      await run('modprobe', ['-a', '9p', '9pnet_fd'])
      await run('mount', ['-t', '9p', '-o', OPTIONS, SOCKET, HPC])
    } catch (error) {
      log.warn(error instanceof Error ? error.message : String(error))
      timer = setTimeout(() => void mount(), RETRY_MS)
    }
  }
  const begin = (): void => {
    if (begun || state.get('mfs').state !== 'up') return
    begun = true
    mkdirSync(dirname(SOCKET), { recursive: true })
    rmSync(SOCKET, { force: true })
    server.on('error', (error) => log.warn(String(error)))
    server.listen(SOCKET, () => {
      chmodSync(SOCKET, 0o600)
      void mount()
    })
  }
  const unwatch = state.watch('mfs', begin)
  begin()
  return {
    stop() {
      unwatch()
      clearTimeout(timer)
      server.close()
    },
  }
}
