import { chmod, constants, copyFile, cp, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { PlumpError } from '../errors.ts'
import { signatureFile } from '../inspect/signature.ts'
import { fileSha256 } from './tree-digest.ts'
import { secretsOf, type Build } from './build.ts'

export interface Published {
  iso: string
  /** All that was made, the ISO first, without its checksum file. */
  files: string[]
  bytes: number
  sha256: string
}

/** What goes to final/: files and folders of step results, and texts made at the end. */
export interface Publication {
  iso: string
  /** Folder of the netboot files. */
  netboot: string
  spdx: string
  /** Text of the build record, which needs the ISO's hash. */
  record: (published: Published) => string
}

const SECRET_MODE = 0o600
const PUBLIC_MODE = 0o644

/**
 * Puts a finished build into final/: everything is written aside on the same file system and renamed when complete, the ISO
 * last. An ISO with a cluster key or a Wi-Fi password in it, and its netboot initrd, can be read by their owner only. Throws NO_SPACE.
 */
export async function publish(build: Build, publication: Publication): Promise<Published> {
  const { final } = build.paths
  await mkdir(final, { recursive: true })
  await removeLeftovers(final)
  const aside = join(final, `.aside-${process.pid}`)
  await mkdir(aside, { mode: 0o700 })
  try {
    const name = `plump-${build.version}-amd64`
    const mode = secretsOf(build).length > 0 ? SECRET_MODE : PUBLIC_MODE
    const iso = join(aside, `${name}.iso`)
    await copy(publication.iso, iso, mode)
    const [spdx, record] = ['spdx.json', 'build.json'].map((ending) => join(final, `${name}.${ending}`))
    const netbootFiles = (await readdir(publication.netboot)).toSorted().map((file) => join(final, 'netboot', file))
    const files = [join(final, basename(iso)), ...[spdx, record].filter((file) => file !== undefined), ...netbootFiles]
    const published: Published = { iso: join(final, basename(iso)), files, bytes: (await stat(iso)).size, sha256: await fileSha256(iso) }
    await writeFile(`${iso}.sha256`, `${published.sha256}  ${basename(iso)}\n`)
    await copy(publication.spdx, join(aside, `${name}.spdx.json`), PUBLIC_MODE)
    await writeFile(join(aside, `${name}.build.json`), publication.record(published))
    await cp(publication.netboot, join(aside, 'netboot'), { recursive: true, mode: constants.COPYFILE_FICLONE })
    await chmod(join(aside, 'netboot/initrd'), mode)
    build.signal.throwIfAborted()
    // Signatures of the files that were there say nothing of these.
    for (const file of files) await rm(signatureFile(file), { force: true })
    await moveIntoPlace(aside, final, `${name}.iso`)
    return published
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    throw new PlumpError('NO_SPACE', `no space left in ${final}`, { fix: 'free some disk space (df -h), or name another folder: ./plump build --out DIR', cause: error })
  } finally {
    await rm(aside, { recursive: true, force: true })
  }
}

async function copy(from: string, to: string, mode: number): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE)
  await chmod(to, mode)
}

/** The ISO goes last, so that whoever waits for it finds the rest there. */
async function moveIntoPlace(aside: string, final: string, last: string): Promise<void> {
  const names = (await readdir(aside)).toSorted((a, b) => Number(a === last) - Number(b === last))
  for (const name of names) {
    // rename replaces a file in one go but not a folder that has something in it.
    if ((await stat(join(aside, name))).isDirectory()) await moveAway(join(final, name), join(aside, `.old-${name}`))
    await rename(join(aside, name), join(final, name))
  }
}

async function moveAway(from: string, to: string): Promise<void> {
  await rename(from, to).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
}

/** What a build left that was killed outright. */
async function removeLeftovers(final: string): Promise<void> {
  for (const name of await readdir(final)) {
    if (name.startsWith('.aside-')) await rm(join(final, name), { recursive: true, force: true })
  }
}
