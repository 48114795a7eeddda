import { lstatSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Present } from '../../schema/package-rules.ts'

/** What the root will have at a path, asked of the trees it is laid together from; the last one that has the path decides. */
export function lookUpInTrees(trees: readonly string[]): (path: string) => Present | undefined {
  return (path) => {
    for (const tree of trees.toReversed()) {
      const full = join(tree, path)
      const stat = lstatSync(full, { throwIfNoEntry: false })
      if (stat?.isSymbolicLink()) return { kind: 'link', target: readlinkSync(full) }
      if (stat) return { kind: stat.isDirectory() ? 'folder' : 'file' }
    }
    return undefined
  }
}
