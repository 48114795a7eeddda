import { cp, mkdir, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { run } from '../os/run.ts'

/**
 * Copies the checkout (what git tracks or would track, as it is in the working tree) into `folder`, which gets caches of
 * its own but shares node_modules: a second, independent place to build in.
 */
export async function copyCheckout(project: string, folder: string): Promise<void> {
  const listing = await run('git', ['-C', project, 'ls-files', '--cached', '--others', '--exclude-standard', '-z'])
  for (const path of listing.split('\0').filter((name) => name !== '')) {
    const target = join(folder, path)
    await mkdir(dirname(target), { recursive: true })
    await cp(join(project, path), target, { verbatimSymlinks: true }).catch(ignoreDeleted)
  }
  await symlink(join(project, 'node_modules'), join(folder, 'node_modules'))
}

/** git still lists a tracked file that was deleted from the working tree. */
function ignoreDeleted(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
