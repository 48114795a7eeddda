import { chmod, copyFile, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { InspectedArchive } from '../../schema/add-on-package.ts'
import { takeIsoApart, writeIso, type FinishedIso } from '../image/finished-iso.ts'
import { imageIdWithPackages } from '../image/image-id.ts'
import { describeFiles, describeText, filesBelow, formatManifest, parseManifest, type ManifestLine } from '../image/medium.ts'
import { signatureFile } from '../inspect/signature.ts'
import { fileSha256 } from '../pipeline/tree-digest.ts'
import { archiveToAdd } from './change-folder.ts'
import { withPackage } from './edit-list.ts'
import { assertAccepted, inspectArchive } from './inspect-archive.ts'
import { lookUpInSquashfs } from './squashfs-look-up.ts'
import { updateRecords } from './update-records.ts'

export interface ChangedIso {
  file: string
  sha256: string
  bytes: number
  imageId: string
  archive: InspectedArchive
}

/** Files that say which image they belong to. */
const NAMES_IMAGE = /^(boot\/(grub|netboot)\/.*\.(cfg|ipxe)|plump\/(?!base-id$|manifest$|cluster\.key$).*|\.disk\/.*)$/

/**
 * Puts a package into a finished ISO and its list: what comes out is, byte for byte, the ISO that a build with the package would have made,
 * so it boots in all the ways that one does. The ISO is replaced when the new one is complete, and checksum, build record and
 * SBOM beside it follow; a signature goes. Throws NOT_OUR_ISO, PACKAGE_REFUSED and PACKAGE_BROKEN.
 */
export async function addToIso(isoFile: string, source: string, options: { mayReplace: boolean; signal?: AbortSignal }): Promise<ChangedIso> {
  const { signal } = options
  const work = await mkdtemp(join(dirname(isoFile), '.plump-iso-'))
  try {
    const iso = await takeIsoApart(isoFile, work, signal)
    const packed = await archiveToAdd(source, join(work, 'packed'), { ...options, epochSeconds: iso.epochSeconds })
    const archive = await inspectArchive(packed, { lookUp: await lookUpInSquashfs(join(iso.tree, 'live/root.sqfs'), signal), mayReplace: options.mayReplace })
    assertAccepted(archive)
    await putIn(iso.tree, packed, options.mayReplace)
    const imageId = await renameImage(iso)
    const files = (await filesBelow(iso.tree)).filter(({ path }) => path !== 'boot/grub/boot.cat')
    const made = join(work, 'new.iso')
    await writeIso(made, iso, files, imageId, signal)
    const { mode } = await stat(isoFile)
    await chmod(made, mode & 0o777)
    const changed: ChangedIso = { file: isoFile, sha256: await fileSha256(made), bytes: (await stat(made)).size, imageId, archive }
    signal?.throwIfAborted()
    await rename(made, isoFile)
    await writeFile(`${isoFile}.sha256`, `${changed.sha256}  ${basename(isoFile)}\n`)
    await updateRecords(changed)
    // It vouches for an ISO that is gone.
    await rm(signatureFile(isoFile), { force: true })
    return changed
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function putIn(tree: string, archive: string, mayReplace: boolean): Promise<void> {
  const folder = join(tree, 'packages')
  await mkdir(folder, { recursive: true })
  await rm(join(folder, basename(archive)), { force: true })
  await copyFile(archive, join(folder, basename(archive)))
  const list = await readFile(join(folder, 'list'), 'utf8').catch(() => undefined)
  await writeFile(join(folder, 'list'), withPackage(list, basename(archive), mayReplace))
}

/** Gives the image the id that goes with its packages: in every file that names it, and in the manifest. */
async function renameImage({ tree }: FinishedIso): Promise<string> {
  const read = (path: string): Promise<string> => readFile(join(tree, path), 'utf8')
  const packages = await describeFiles((await filesBelow(join(tree, 'packages'))).map(({ path, source }) => ({ path: `packages/${path}`, source })))
  const oldId = (await read('plump/image-id')).trim()
  const newId = imageIdWithPackages((await read('plump/base-id')).trim(), Object.fromEntries(packages.map(({ path, sha256 }) => [path, sha256])))
  const texts: ManifestLine[] = []
  for (const { path } of (await filesBelow(tree)).filter((file) => NAMES_IMAGE.test(file.path))) {
    const text = (await read(path)).replaceAll(oldId, newId)
    await writeFile(join(tree, path), text)
    texts.push(describeText(path, text))
  }
  await writeFile(join(tree, 'plump/manifest'), formatManifest(withLines(parseManifest(await read('plump/manifest')), [...packages, ...texts])))
  return newId
}

/** A manifest with these lines in place of, or besides, its own. Files that the manifest never named stay unnamed. */
function withLines(manifest: readonly ManifestLine[], changed: readonly ManifestLine[]): ManifestLine[] {
  const lines = new Map(manifest.map((line) => [line.path, line]))
  for (const line of changed) {
    if (lines.has(line.path) || line.path.startsWith('packages/')) lines.set(line.path, line)
  }
  return [...lines.values()]
}
