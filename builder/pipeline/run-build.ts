import { chmod, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { PlumpError } from '../errors.ts'
import { execute } from './execute.ts'
import { takeLock } from './lock.ts'
import type { Build } from './build.ts'
import type { Results } from './results.ts'
import type { Step } from './step.ts'

/**
 * Runs the steps under the checkout's lock and gives their results to `use`, still under it. When the mirror turns out
 * to have moved on since its lists were fetched, fetches the lists again and starts over, once.
 */
export async function runBuild<T>(
  build: Build, steps: readonly Step[], options: { useCache: boolean }, use: (results: Results) => Promise<T>,
): Promise<T> {
  // Results may hold the cluster key.
  await mkdir(build.paths.cache, { recursive: true })
  await chmod(build.paths.cache, 0o700)
  const release = await takeLock(join(build.paths.cache, 'lock'), 'a build')
  try {
    await rm(join(build.paths.cache, 'tmp'), { recursive: true, force: true })
    return await use(await executeRefreshing(build, steps, options))
  } finally {
    await rm(join(build.paths.cache, 'tmp'), { recursive: true, force: true })
    await release()
  }
}

async function executeRefreshing(build: Build, steps: readonly Step[], options: { useCache: boolean }): Promise<Results> {
  try {
    return await execute(build, steps, options)
  } catch (error) {
    if (!(error instanceof PlumpError) || error.code !== 'MIRROR_MOVED_ON' || build.refresh) throw error
    build.emit({ type: 'warning', step: 'resolve-packages', message: 'the mirror has newer packages than our lists say; the lists are fetched again' })
    return await execute({ ...build, refresh: true }, steps, options)
  }
}
