import { lstatSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Present } from '../../schema/package-rules.ts'

/** What is at a path of the root; whatever is neither folder nor link counts as a file. */
export function lookUpIn(root: string, path: string): Present | undefined {
  const full = join(root, path)
  const stat = lstatSync(full, { throwIfNoEntry: false })
  if (stat === undefined) return undefined
  if (stat.isSymbolicLink()) return { kind: 'link', target: readlinkSync(full) }
  return { kind: stat.isDirectory() ? 'folder' : 'file' }
}
