import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { OtherSoftware } from './spdx.ts'

const packageJsonSchema = z.object({ name: z.string(), version: z.string(), license: z.string().optional() })

/** What the SBOM tells of installed npm packages, sorted by name. */
export async function npmSoftware(projectFolder: string, names: readonly string[]): Promise<OtherSoftware[]> {
  return Promise.all(names.toSorted().map(async (name) => {
    const text = await readFile(join(projectFolder, 'node_modules', name, 'package.json'), 'utf8')
    const { version, license } = packageJsonSchema.parse(JSON.parse(text))
    return { name, version, license: license ?? 'NOASSERTION', purl: `pkg:npm/${name.replace('@', '%40')}@${version}` }
  }))
}
