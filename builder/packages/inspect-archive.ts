import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { readArchive } from '../../schema/package-archive.ts'
import { METADATA_LIMIT_BYTES, METADATA_PATH, packageMetadataSchema, type PackageMetadata } from '../../schema/package-metadata.ts'
import { openPackageCheck, printablePath, type Surroundings } from '../../schema/package-rules.ts'
import { EXIT, PlumpError } from '../errors.ts'
import { fileSha256 } from '../pipeline/tree-digest.ts'
import type { InspectedArchive } from '../../schema/add-on-package.ts'

const START_PATH = /^etc\/plump\/start\.d\/([^/]+)$/
const REFUSALS_LIMIT = 20

/** Reads an archive and holds every entry against the rules. Throws PACKAGE_BROKEN for a file that cannot be read to its end. */
export async function inspectArchive(file: string, surroundings: Surroundings): Promise<InspectedArchive> {
  const judge = openPackageCheck(surroundings)
  const found: InspectedArchive = {
    name: basename(file), sha256: await fileSha256(file), bytes: (await stat(file)).size, unpackedBytes: 0, files: 0, starts: [], refused: [],
  }
  try {
    await readArchive(file, async (entry, body) => {
      const placement = judge(entry)
      if (placement.state === 'refused') {
        if (found.refused.length < REFUSALS_LIMIT) found.refused.push({ entry: printablePath(entry.path), why: placement.why })
        return
      }
      if (entry.kind === 'folder') return
      found.files += 1
      found.unpackedBytes += entry.bytes
      const start = START_PATH.exec(placement.path)?.[1]
      if (start !== undefined) found.starts.push(start)
      if (entry.kind !== 'file' || !METADATA_PATH.test(placement.path)) return
      const read = await readMetadata(entry.bytes, body)
      if (typeof read === 'string') found.refused.push({ entry: printablePath(entry.path), why: read })
      else found.metadata ??= read
    })
  } catch (error) {
    throw new PlumpError('PACKAGE_BROKEN', `${file} cannot be read to its end: ${error instanceof Error ? error.message : String(error)}`, {
      fix: 'make or fetch it again; its name must end as it is packed (.tar, .tar.gz, .tgz, .tar.xz or .tar.zst)', exitCode: EXIT.usage, cause: error,
    })
  }
  return found
}

/** Throws PACKAGE_REFUSED, naming the entries, when there are any that may not be in the archive. */
export function assertAccepted({ name, refused }: InspectedArchive): void {
  if (refused.length === 0) return
  throw new PlumpError('PACKAGE_REFUSED', [`${name} may not be unpacked over a node's root:`, ...refused.map(({ entry, why }) => `${entry}: ${why}`)].join('\n'), {
    fix: 'pack it anew without these entries; docs/guide/packages.md has the rules', exitCode: EXIT.usage,
  })
}

/** The metadata, or what is wrong with it. */
async function readMetadata(bytes: number, body: AsyncIterable<Uint8Array>): Promise<PackageMetadata | string> {
  if (bytes > METADATA_LIMIT_BYTES) return `more than ${METADATA_LIMIT_BYTES} bytes`
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  try {
    const parsed = packageMetadataSchema.safeParse(JSON.parse(Buffer.concat(chunks).toString('utf8')))
    return parsed.success ? parsed.data : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
  } catch {
    return 'no JSON'
  }
}
