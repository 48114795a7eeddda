import { appendFileSync, watch, type FSWatcher } from 'node:fs'
import type { AgentContext, Capability } from '../capability.ts'
import { namesIn, readTextIfThere } from '../os/files.ts'

const START_FOLDER = '/etc/plump/start.d'
const INITTAB = '/etc/inittab'
const INIT_PID = 1
/** agent/packages/main.ts writes the report after each package, also those of a disk that is found late. */
const REPORT_FOLDER = '/run/plump'
const REPORT_NAME = 'packages.json'
const RUNNABLE = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/

/**
 * Once the node is ready, hands what add-on packages brought into etc/plump/start.d over to init, which keeps it running like the node's
 * own services, whatever becomes of the agent. Programs of packages that come later follow when their package is there.
 */
export function startPackagePrograms({ state, log }: AgentContext): Capability {
  let watcher: FSWatcher | undefined
  const handOver = (): void => {
    const lines = linesToAdd(namesIn(START_FOLDER), readTextIfThere(INITTAB) ?? '')
    if (lines === '') return
    appendFileSync(INITTAB, lines)
    // init reads its table anew; what runs already goes on.
    process.kill(INIT_PID, 'SIGHUP')
    log.named('packages').info(`init starts ${lines.trimEnd().replaceAll('::respawn:/usr/lib/plump/respawn ', '').replaceAll('\n', ', ')}`)
  }
  const end = state.watch('stage', (stage) => {
    if (watcher !== undefined || (stage !== 'ready' && stage !== 'joined')) return
    watcher = watch(REPORT_FOLDER, (_, name) => {
      if (name === REPORT_NAME) handOver()
    })
    handOver()
  })
  return {
    stop() {
      end()
      watcher?.close()
    },
  }
}

/** Lines that inittab lacks for these programs, in the order of their names; a name that is more than one word is none of ours. */
export function linesToAdd(names: readonly string[], inittab: string): string {
  const present = new Set(inittab.split('\n'))
  return names.filter((name) => RUNNABLE.test(name)).toSorted()
    .map((name) => `::respawn:/usr/lib/plump/respawn start.d/${name}`)
    .filter((line) => !present.has(line))
    .map((line) => `${line}\n`).join('')
}
