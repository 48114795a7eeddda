import { existsSync } from 'node:fs'
import { glob, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { EXIT, PlumpError } from '../errors.ts'
import { PROJECT_FOLDER } from '../version.ts'

const FINAL_FOLDER = join(PROJECT_FOLDER, 'final')

/** The ISO named, or the newest in final/. Throws PlumpError NO_ISO. */
export async function newestIso(named: string | undefined): Promise<string> {
  const found = named === undefined ? await newestInFinal() : resolve(named)
  if (found !== undefined && existsSync(found)) return found
  throw new PlumpError('NO_ISO', named === undefined ? 'there is no ISO in final/ to boot' : `${named} not found`, {
    fix: './plump build', exitCode: EXIT.usage,
  })
}

async function newestInFinal(): Promise<string | undefined> {
  const isos: { file: string; changedMs: number }[] = []
  for await (const name of glob('*.iso', { cwd: FINAL_FOLDER })) {
    const file = join(FINAL_FOLDER, name)
    isos.push({ file, changedMs: (await stat(file)).mtimeMs })
  }
  return isos.toSorted((one, other) => other.changedMs - one.changedMs)[0]?.file
}
