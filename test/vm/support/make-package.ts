import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { run } from '../../../builder/os/run.ts'

/** Packs files, programs by their mode, into an archive whose ending says how; gives its path. */
export async function makePackage(folder: string, name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const tree = join(folder, `${name}.tree`)
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(tree, path)), { recursive: true })
    await writeFile(join(tree, path), text)
    if (text.startsWith('#!')) await chmod(join(tree, path), 0o755)
  }
  const archive = join(folder, name)
  await run('tar', ['-C', tree, '--auto-compress', '-cf', archive, '.'])
  return archive
}

/** A tar of one or more entries as GNU tar would never write them unasked: names and targets changed on the way, or of another kind. */
export async function makeHostile(folder: string, name: string, ...args: string[]): Promise<string> {
  const archive = join(folder, name)
  await run('tar', ['-C', folder, '-cf', archive, ...args])
  return archive
}
