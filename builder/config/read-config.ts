import { readFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { EXIT, PlumpError } from '../errors.ts'
import { PROJECT_FOLDER } from '../version.ts'
import { loadConfig } from './load-config.ts'
import type { PlumpYaml } from '../../schema/plump-yaml.ts'

/**
 * Reads the configuration: `file`, or plump.yaml of the checkout, which may be absent. Throws PlumpError CONFIG (exit
 * code 2) when it is wrong or a named file cannot be read.
 */
export async function readConfig(file: string | undefined): Promise<PlumpYaml> {
  const path = resolve(file ?? join(PROJECT_FOLDER, 'plump.yaml'))
  const shown = relative(process.cwd(), path)
  return loadConfig(await textOf(path, file), shown.startsWith('..') ? path : shown)
}

async function textOf(path: string, asked: string | undefined): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && asked === undefined) return ''
    throw new PlumpError('CONFIG', `${path} cannot be read: ${(error as Error).message}`, { fix: 'name a file that exists: --config FILE', exitCode: EXIT.usage, cause: error })
  }
}
