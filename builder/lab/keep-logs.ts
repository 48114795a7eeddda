import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PROJECT_FOLDER } from '../version.ts'
import type { Lab } from './lab.ts'
import type { LabNode } from './lab-node.ts'

/** What is kept of tests and benches, in the checkout and out of git. */
const RESULTS_FOLDER = join(PROJECT_FOLDER, 'test-results')
const NODE_LOG_LIMIT_SECONDS = 10

/**
 * Keeps what a lab that is about to go has to tell: the serial log of every boot of every node, the logs of QEMU and the DHCP servers, and each node's own
 * log as far as it still answers. They are copied to test-results/, into a folder named after `of`; gives its path.
 */
export async function keepLogs(lab: Lab, of: string): Promise<string> {
  const folder = join(RESULTS_FOLDER, of.replace(/[^A-Za-z0-9]+/g, '-').slice(0, 80))
  await mkdir(folder, { recursive: true })
  for (const file of await lab.logFiles()) await copyFile(join(lab.folder, file), join(folder, file.replaceAll('/', '-')))
  for (const node of lab.nodes) await saveNodeLog(node, join(folder, `node-${node.number}-plump.log`))
  return folder
}

/** It says more than the node's console. */
async function saveNodeLog(node: LabNode, file: string): Promise<void> {
  const log = await node.exec('cat /var/log/plump.log; echo; dmesg | tail -n 60', { limitSeconds: NODE_LOG_LIMIT_SECONDS }).catch(() => undefined)
  if (log) await writeFile(file, log.stdout)
}
