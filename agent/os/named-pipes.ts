import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { run } from './run.ts'

/** Spare pipes wait here; whatever an agent before this one left is dropped. */
const SPARE_FOLDER = '/run/plump/pipes'
/** For about ten moves. */
const SPARE_PIPES = 40

const spare: string[] = []
let made = 0

/**
 * Makes named pipes for root alone, in the place of whatever is there. Node has no call for it, and to start `mkfifo` costs the agent more than making many: so most of
 * them are made in advance, and renamed. All paths are in /run.
 */
export async function makeNamedPipes(paths: readonly string[]): Promise<void> {
  if (spare.length < paths.length) spare.push(...await makeSpare(paths.length))
  for (const path of paths) renameSync(spare.pop() as string, path)
}

async function makeSpare(atLeast: number): Promise<string[]> {
  if (made === 0) rmSync(SPARE_FOLDER, { recursive: true, force: true })
  mkdirSync(SPARE_FOLDER, { recursive: true, mode: 0o700 })
  const names = Array.from({ length: atLeast + SPARE_PIPES }, () => `${SPARE_FOLDER}/${made++}`)
  await run('mkfifo', ['-m', '600', ...names])
  return names
}
