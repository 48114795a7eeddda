import * as z from 'zod'
import type { Lab } from '../../../builder/lab/lab.ts'
import type { LabNode } from '../../../builder/lab/lab-node.ts'
import { until } from './until.ts'
import { members } from './with-lab.ts'

const LOAD_LIMIT_SECONDS = 120
const STEP_LIMIT_SECONDS = 240

/** Waits until all nodes of a lab are joined and each sees the files of each, so that jobs can move anywhere. */
export async function knowsJobs(lab: Lab): Promise<void> {
  await Promise.all(lab.nodes.map((node) => node.waitForStage('joined')))
  // A busy agent may answer late.
  await until('each node knows itself', LOAD_LIMIT_SECONDS, async () => (await Promise.all(lab.nodes.map((node) => idOf(node).catch(() => 0)))).every((id) => id > 0))
  const ids = await Promise.all(lab.nodes.map(idOf))
  const all = ids.map((id) => `/mfs/${id}/usr`).join(' ')
  await until('each sees the files of the others', LOAD_LIMIT_SECONDS, async () => (await Promise.all(lab.nodes.map((node) => node.exec(`ls ${all}`)))).every(({ exitCode }) => exitCode === 0))
}

export async function idOf(node: LabNode): Promise<number> {
  return z.int().parse((await members(node)).find(({ self }) => self)?.id)
}

/** What a command prints on a node. Throws when it fails. */
export async function said(node: LabNode, command: string): Promise<string> {
  const { stdout, stderr, exitCode } = await node.exec(command, { limitSeconds: STEP_LIMIT_SECONDS })
  if (exitCode !== 0) throw new Error(`${command} on node ${node.number}: exit ${exitCode}: ${stderr}`)
  return stdout
}
