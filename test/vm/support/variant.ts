import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../../../builder/os/run.ts'
import { PROJECT_FOLDER } from '../../../builder/version.ts'

const VARIANTS_FOLDER = join(PROJECT_FOLDER, 'test-results', 'variants')

/** Where the files of a variant lie. */
export function variantFolder(name: string): string {
  return join(VARIANTS_FOLDER, name)
}

/** Builds an ISO from another plump.yaml and gives its path; all but the small files comes from the cache. `flags` are more of `./plump build`. */
export async function buildVariant(name: string, yaml: string, env: Record<string, string> = {}, flags: readonly string[] = []): Promise<string> {
  const folder = variantFolder(name)
  await mkdir(folder, { recursive: true })
  const config = join(folder, 'plump.yaml')
  await writeFile(config, yaml)
  await run(join(PROJECT_FOLDER, 'plump'), ['build', '--config', config, '--out', folder, ...flags], { env })
  const iso = (await readdir(folder)).find((file) => file.endsWith('.iso'))
  if (iso === undefined) throw new Error(`the build left no ISO in ${folder}`)
  return join(folder, iso)
}
