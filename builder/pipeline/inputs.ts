import { createHash } from 'node:crypto'
import { lstat, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileSha256, pathsBelow } from './tree-digest.ts'
import type { Inputs } from './step.ts'

/**
 * Project files as inputs of a step, one per file so that `./plump plan` can name the one that changed. `paths` are files
 * or folders relative to `projectFolder`; of a file's mode only the execute bit counts, the one that git keeps.
 */
export async function fileInputs(projectFolder: string, paths: readonly string[]): Promise<Inputs> {
  const inputs: Inputs = {}
  for (const path of paths) {
    const stat = await lstat(join(projectFolder, path))
    const files = stat.isDirectory() ? (await pathsBelow(join(projectFolder, path))).map((below) => join(path, below)) : [path]
    for (const file of files) {
      const described = await describeFile(join(projectFolder, file))
      if (described !== undefined) inputs[file] = described
    }
  }
  return inputs
}

async function describeFile(full: string): Promise<string | undefined> {
  const stat = await lstat(full)
  if (stat.isSymbolicLink()) return `link to ${await readlink(full)}`
  if (!stat.isFile()) return undefined
  return `${await fileSha256(full)}${stat.mode & 0o100 ? ' executable' : ''}`
}

/** A value that must not be readable in the cache or in `plan`. */
export function secretInput(value: string | undefined): string {
  return value === undefined ? 'none' : createHash('sha256').update(`plump input ${value}`).digest('hex')
}
