import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { downloadsFolder } from '../pipeline/open-build.ts'
import { takeLock } from '../pipeline/lock.ts'
import { PROJECT_FOLDER } from '../version.ts'

interface Options {
  all?: boolean
  json?: boolean
}

export function registerClean(program: Command): void {
  program.command('clean')
    .description('Remove what builds have left: results in final/ and the cache of steps.')
    .option('--all', 'also the downloads, which all checkouts share; the cluster key is never removed')
    .option('--json', 'print what was removed as JSON')
    .action(clean)
}

async function clean(options: Options): Promise<void> {
  const cache = join(PROJECT_FOLDER, '.cache')
  const release = await takeLock(join(cache, 'lock'), 'a build')
  const removed: string[] = []
  try {
    const final = join(PROJECT_FOLDER, 'final')
    const results = (await readdir(final).catch(() => [])).filter((name) => name !== 'README.md').map((name) => join(final, name))
    const folders = [...results, join(cache, 'steps'), join(cache, 'tmp'), ...(options.all ? [downloadsFolder()] : [])]
    for (const path of folders) {
      await rm(path, { recursive: true, force: true })
      removed.push(path)
    }
  } finally {
    await release()
  }
  process.stdout.write(options.json ? `${JSON.stringify({ removed })}\n` : removed.map((path) => `removed ${path}\n`).join(''))
}
