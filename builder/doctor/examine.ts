import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'
import { HOST_TOOLS, type HostTool, type Need } from './tools.ts'

export interface Finding {
  tool: HostTool
  present: boolean
}

/** Looks for every tool that `needs` names. `path` is the PATH to search, colon-separated. */
export async function examine(needs: readonly Need[], path = process.env['PATH'] ?? ''): Promise<Finding[]> {
  const wanted = HOST_TOOLS.filter(({ neededBy }) => neededBy.some((need) => needs.includes(need)))
  return Promise.all(wanted.map(async (tool) => ({ tool, present: await isPresent(tool, path.split(':')) })))
}

async function isPresent(tool: HostTool, folders: readonly string[]): Promise<boolean> {
  const files = tool.anyOf.flatMap((name) => (name.startsWith('/') ? [name] : folders.map((folder) => join(folder, name))))
  const found = await Promise.all(files.map((file) => access(file, constants.R_OK).then(() => true, () => false)))
  return found.includes(true)
}

/** The packages that bring what is missing, each once. */
export function missingPackages(findings: readonly Finding[]): string[] {
  return [...new Set(findings.filter(({ present }) => !present).map(({ tool }) => tool.package))].toSorted()
}
