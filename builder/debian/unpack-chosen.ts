import { chmod, lstat, mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { buildRun } from '../pipeline/build-run.ts'
import { pathsBelow } from '../pipeline/tree-digest.ts'
import type { Build } from '../pipeline/build.ts'
import { readPostinst, readSysusers, type ScriptFindings } from './maintainer-scripts.ts'
import { mergedPath, moveNew, type Unpacked } from './unpack.ts'
import { whyLeftOut, whyLeftOutOfChosen } from './unpack-filter.ts'

/** Packages of the node whose files are cut down to what a node needs, and whose rest the user's programs may ask for. */
export const CUT_DOWN: readonly string[] = ['libc6', 'libc-bin']

/** What came of a package of the user's: its files, and what its maintainer scripts would have done. */
export interface UnpackedChosen extends Unpacked {
  scripts: ScriptFindings
}

/**
 * Unpacks a package of the user's into `root`: all of it but documentation, translations and what is for other init systems. `tree` is a folder to
 * make and remove. Throws PATH_CLASH.
 */
export async function unpackChosen(build: Build, name: string, deb: string, root: string, tree: string): Promise<UnpackedChosen> {
  const unpacked = await unpackSome(build, deb, root, tree, (path) => whyLeftOutOfChosen(path) === undefined)
  return { ...unpacked, scripts: await readScripts(build, name, deb, tree, unpacked) }
}

/** Unpacks what of a package of the node was left out there, and programs of the user's may need. */
export async function unpackRest(build: Build, deb: string, root: string, tree: string): Promise<Unpacked> {
  return unpackSome(build, deb, root, tree, (path) => whyLeftOut(path) !== undefined && whyLeftOutOfChosen(path) === undefined)
}

interface UnpackedSome extends Unpacked {
  sysusers: string[]
  /** Files that ran as their owner or group, a bit that is not kept. */
  privileged: string[]
}

async function unpackSome(build: Build, deb: string, root: string, tree: string, wanted: (path: string) => boolean): Promise<UnpackedSome> {
  await mkdir(tree)
  await buildRun(build, 'dpkg-deb', ['-x', deb, tree])
  const unpacked: UnpackedSome = { files: [], bytes: 0, sysusers: [], privileged: [] }
  for (const path of await pathsBelow(tree)) {
    const from = join(tree, path)
    const stat = await lstat(from)
    if (/^usr\/lib\/sysusers\.d\/.*\.conf$/.test(path) && stat.isFile()) unpacked.sysusers.push(await readFile(from, 'utf8'))
    if (!wanted(path)) continue
    const target = mergedPath(path)
    if (stat.isDirectory()) {
      // Programs may look for a folder that their package has empty.
      await mkdir(join(root, target), { recursive: true })
      continue
    }
    await moveNew(from, join(root, target))
    if (stat.isFile()) await chmod(join(root, target), stat.mode & 0o111 ? 0o755 : 0o644)
    if (stat.isFile() && stat.mode & 0o6000) unpacked.privileged.push(`/${target}`)
    unpacked.files.push(target)
    unpacked.bytes += stat.isFile() ? stat.size : 0
  }
  await rm(tree, { recursive: true })
  return unpacked
}

async function readScripts(build: Build, name: string, deb: string, tree: string, { sysusers, privileged }: UnpackedSome): Promise<ScriptFindings> {
  await buildRun(build, 'dpkg-deb', ['-e', deb, tree])
  const postinst = await readFile(join(tree, 'postinst'), 'utf8').catch(() => '')
  await rm(tree, { recursive: true })
  const found = readPostinst(name, postinst)
  return {
    alternatives: found.alternatives,
    users: [...found.users, ...sysusers.flatMap(readSysusers)],
    left: [...found.left, ...(privileged.length === 0 ? [] : [`its set-user-ID programs do not run as root for others: ${privileged.join(', ')}`])],
  }
}
