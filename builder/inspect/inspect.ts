import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { contentsSchema } from '../../schema/contents.ts'
import type { Inspection } from '../../schema/inspection.ts'
import { PACKED_LOADERS } from '../../schema/boot-server/serve-medium.ts'
import { nodeJsonSchema } from '../../schema/node-json.ts'
import { parseManifest } from '../image/medium.ts'
import { secretsAmong } from '../image/secrets.ts'
import { run } from '../os/run.ts'
import { inspectArchive } from '../packages/inspect-archive.ts'
import { fileSha256 } from '../pipeline/tree-digest.ts'
import { parseMenu } from './menu.ts'
import { openIso, type OpenedIso } from './open-iso.ts'

/** Reads everything there is to know out of an ISO; needs nothing but the file. Throws NO_ISO, NOT_PLUMP. */
export async function inspectIso(file: string): Promise<Inspection> {
  const iso = await openIso(file)
  try {
    const text = async (path: string): Promise<string> => (await iso.read(path)).toString('utf8')
    const files = parseManifest(await text('plump/manifest'))
    const { espOffsetBytes, ...bootWays } = iso.tables
    const sha256 = await fileSha256(file)
    const secrets = secretsAmong(iso.files.map(({ path }) => path))
    return {
      file,
      bytes: (await stat(file)).size,
      sha256,
      checksumFile: await compareChecksum(file, sha256),
      imageId: (await text('plump/image-id')).trim(),
      secret: secrets.length > 0,
      secrets,
      cluster: nodeJsonSchema.parse(JSON.parse(await text('plump/node.json'))).cluster.name,
      bootWays: { ...bootWays, secureBoot: espOffsetBytes !== undefined && await hasSignedLoader(file, espOffsetBytes), network: iso.files.some(({ path }) => path === PACKED_LOADERS) },
      menu: parseMenu(await text('boot/grub/grub.cfg')),
      addOns: await readAddOns(iso),
      files,
      damaged: await findDamaged(iso, files),
      contents: contentsSchema.parse(JSON.parse(await text('plump/contents.json'))),
    }
  } finally {
    await iso.close()
  }
}

async function compareChecksum(file: string, sha256: string): Promise<Inspection['checksumFile']> {
  const text = await readFile(`${file}.sha256`, 'utf8').catch(() => undefined)
  if (text === undefined) return 'absent'
  return text.startsWith(`${sha256} `) ? 'matches' : 'differs'
}

/** shim, which PCs with Secure Boot accept, starts grubx64.efi from beside it; an unsigned GRUB alone would be BOOTX64.EFI. */
async function hasSignedLoader(file: string, espOffsetBytes: number): Promise<boolean> {
  const listing = await run('mdir', ['-b', '-i', `${file}@@${espOffsetBytes}`, '::/EFI/BOOT'], { env: { MTOOLS_SKIP_CHECK: '1' } }).catch(() => '')
  return /BOOTX64\.EFI/i.test(listing) && /grubx64\.efi/i.test(listing)
}

async function findDamaged(iso: OpenedIso, files: Inspection['files']): Promise<string[]> {
  const damaged = await Promise.all(files.map(async ({ path, sha256 }) => {
    const found = iso.files.find((known) => known.path === path)
    return found && (await iso.sha256(found)) === sha256 ? [] : [path]
  }))
  return damaged.flat()
}

/** The archives of add-on packages, which may have come after the build (`package add --iso`). */
async function readAddOns(iso: OpenedIso): Promise<Inspection['addOns']> {
  const scratch = await mkdtemp(join(tmpdir(), 'plump-inspect-'))
  try {
    const archives = iso.files.filter(({ path }) => path.startsWith('packages/') && path !== 'packages/list')
    return await Promise.all(archives.map(async ({ path }) => {
      const archive = join(scratch, basename(path))
      await writeFile(archive, await iso.read(path))
      const { name, sha256, bytes, unpackedBytes, starts, metadata } = await inspectArchive(archive, { lookUp: () => undefined, mayReplace: true })
      return { name, sha256, bytes, unpackedBytes, starts, ...(metadata === undefined ? {} : { metadata }) }
    }))
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}
