import { mkdirSync, renameSync, symlinkSync } from 'node:fs'
import type { JobId } from '../../schema/job.ts'
import type { NodeId } from '../../schema/node-state.ts'
import { namesFolder } from './places.ts'

/**
 * A job's own names below /mfs: links in a folder at its home that is mounted into it wherever it runs, beside those that are the same for everybody.
 * `lastexec` is the node where its command was started, `selected` the one that somebody chose for it, `magic` the node where it runs.
 */
export function makeNames(id: JobId, startedOn: NodeId): void {
  mkdirSync(namesFolder(id), { recursive: true, mode: 0o755 })
  link(id, 'lastexec', `/mfs/${startedOn}`)
  link(id, 'selected', '/mfs/here')
  link(id, 'magic', '/mfs/here')
}

/** From now on /mfs/selected of the job is this node. */
export function selectNode(id: JobId, node: NodeId): void {
  link(id, 'selected', `/mfs/${node}`)
}

/** Made aside and renamed, so that the name is always there. */
function link(id: JobId, name: string, target: string): void {
  const path = `${namesFolder(id)}/${name}`
  symlinkSync(target, `${path}.new`)
  renameSync(`${path}.new`, path)
}
