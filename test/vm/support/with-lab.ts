import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import * as z from 'zod'
import { startLab, type Lab, type LabOptions } from '../../../builder/lab/lab.ts'
import type { LabNode } from '../../../builder/lab/lab-node.ts'
import { memberSchema, type Member } from '../../../schema/node-state.ts'
import { PROJECT_FOLDER } from '../../../builder/version.ts'

const RESULTS_FOLDER = join(PROJECT_FOLDER, 'test-results')
let labs = 0

/**
 * Runs `body` with a lab of its own and takes it down whatever happens. When `body` throws, the serial log of every boot of every
 * node and the log of the DHCP servers are kept in test-results/, in a folder named after the test.
 */
export async function withLab(options: LabOptions, body: (lab: Lab) => Promise<void>): Promise<void> {
  labs += 1
  const lab = await startLab({ name: `test-${process.pid}-${labs}`, ...options })
  try {
    await body(lab)
  } catch (error) {
    await keepLogs(lab)
    throw error
  } finally {
    await lab.down()
  }
}

async function keepLogs(lab: Lab): Promise<void> {
  const test = (expect.getState().currentTestName ?? lab.name).replace(/[^A-Za-z0-9]+/g, '-').slice(0, 80)
  const folder = join(RESULTS_FOLDER, test)
  await mkdir(folder, { recursive: true })
  for (const file of await lab.logFiles()) await copyFile(join(lab.folder, file), join(folder, file.replaceAll('/', '-')))
  for (const node of lab.nodes) await saveNodeLog(node, join(folder, `node-${node.number}-plump.log`))
}

/** The node's own log says more than its console, as far as the node still answers. */
async function saveNodeLog(node: LabNode, file: string): Promise<void> {
  const log = await node.exec('cat /var/log/plump.log; echo; dmesg | tail -n 60', { limitSeconds: 10 }).catch(() => undefined)
  if (log) await writeFile(file, log.stdout)
}

/** What `plump nodes --json` says on a node; throws when the command fails or its output does not fit the schema. */
export async function members(node: LabNode): Promise<Member[]> {
  const { stdout, stderr, exitCode } = await node.exec('plump nodes --json')
  if (exitCode !== 0) throw new Error(`plump nodes on node ${node.number}: exit ${exitCode}: ${stderr}`)
  return z.array(memberSchema).parse(JSON.parse(stdout))
}
