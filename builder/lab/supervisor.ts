/**
 * A lab's supervisor: process 1 of new process and network namespaces (launch.ts), which are gone with everything in them
 * when it ends, however it ends. Argument: the lab's folder, with lab.json in it.
 */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { listenForControl } from './control-server.ts'
import { describeError } from '../errors.ts'
import { LabHost } from './lab-host.ts'
import { labConfigSchema } from './options.ts'
import { writeOwner } from './state-folder.ts'

const folder = process.argv[2] ?? ''
const config = labConfigSchema.parse(JSON.parse(readFileSync(join(folder, 'lab.json'), 'utf8')))
writeOwner(folder, 'supervisor')

/** Process 1 takes its whole namespace with it, so there is nothing to stop one by one. */
function goDown(): never {
  rmSync(folder, { recursive: true, force: true })
  process.exit(0)
}

// Process 1 ignores signals it has no handler for.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, goDown)

const host = new LabHost(config, folder)
try {
  await host.start()
  await listenForControl(host, join(folder, 'control'), goDown)
} catch (error) {
  // launch.ts shows the last lines of this log to the user.
  process.stderr.write(`${describeError(error)}\n`)
  process.exit(1)
}
