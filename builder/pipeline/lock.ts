import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { PlumpError } from '../errors.ts'

/**
 * Makes sure that one build at a time writes here; the file holds the process id of the one that does. A lock left by a
 * process that is gone is taken over. Gives the function that releases it. Throws BUSY.
 */
export async function takeLock(file: string, what: string): Promise<() => Promise<void>> {
  await mkdir(dirname(file), { recursive: true })
  if (!(await tryLock(file))) {
    const owner = Number(await readFile(file, 'utf8').catch(() => ''))
    if (isAlive(owner)) {
      throw new PlumpError('BUSY', `${what} already runs here, as process ${owner}; two would spoil each other's results`, {
        fix: `wait for it, or stop it: kill ${owner}`,
      })
    }
    await rm(file, { force: true })
    if (!(await tryLock(file))) throw new PlumpError('BUSY', `${what} has just started here`, { fix: 'wait for it to end' })
  }
  return () => rm(file, { force: true })
}

async function tryLock(file: string): Promise<boolean> {
  try {
    await writeFile(file, `${process.pid}\n`, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
