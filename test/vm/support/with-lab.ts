import { expect } from 'vitest'
import * as z from 'zod'
import type { Lab, LabOptions } from '../../../builder/lab/lab.ts'
import type { LabNode } from '../../../builder/lab/lab-node.ts'
import { withLab as withNamedLab } from '../../../builder/lab/with-lab.ts'
import { memberSchema, type Member } from '../../../schema/node-state.ts'

let labs = 0

/** Runs `body` with a lab of its own. What is kept of it when `body` throws is in a folder of test-results/ named after the test. */
export async function withLab(options: LabOptions, body: (lab: Lab) => Promise<void>): Promise<void> {
  labs += 1
  await withNamedLab({ name: `test-${process.pid}-${labs}`, ...options }, body, (lab) => expect.getState().currentTestName ?? lab.name)
}

/** What `plump nodes --json` says on a node; throws when the command fails or its output does not fit the schema. */
export async function members(node: LabNode): Promise<Member[]> {
  const { stdout, stderr, exitCode } = await node.exec('plump nodes --json')
  if (exitCode !== 0) throw new Error(`plump nodes on node ${node.number}: exit ${exitCode}: ${stderr}`)
  return z.array(memberSchema).parse(JSON.parse(stdout))
}
