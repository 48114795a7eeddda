import { existsSync, promises as fs, statfsSync } from 'node:fs'
import { METADATA_LIMIT_BYTES, METADATA_PATH, packageMetadataSchema, type PackageMetadata } from '../../schema/package-metadata.ts'
import { readArchive } from '../../schema/package-archive.ts'
import { openPackageCheck, printablePath, type Surroundings } from '../../schema/package-rules.ts'
import type { PackageLine } from '../../schema/package-list.ts'
import type { UnpackedPackage } from '../../schema/package-report.ts'
import { lookUpIn } from './look-up.ts'
import { placeEntry } from './place-entry.ts'

export interface UnpackEnvironment {
  /** Where the files go: `/` on a node. */
  root: string
  /** Paths that packages brought before; those of this one are added. */
  brought: Set<string>
}

const START_PATH = /^etc\/plump\/start\.d\/([^/]+)$/
/** Left to the node when packages are unpacked: it needs memory to work. */
const KEPT_FREE_BYTES = 32 * 1024 * 1024

/** Checks a whole archive first, then unpacks it: a package that is refused or broken leaves nothing behind. Never throws. */
export async function unpackPackage(line: PackageLine, { root, brought }: UnpackEnvironment): Promise<UnpackedPackage> {
  const nothing = { source: line.source, files: 0, bytes: 0, starts: [] }
  if (!existsSync(line.path)) return { ...nothing, state: 'missing', why: whyMissing(line) }
  const lookUp = (path: string): ReturnType<Surroundings['lookUp']> => {
    const present = lookUpIn(root, path)
    return present && brought.has(path) ? { ...present, byPackage: true } : present
  }
  try {
    const checked = await check(line, lookUp)
    if (checked.refused) return { ...nothing, state: 'refused', ...checked.refused }
    const free = freeBytes(root)
    if (checked.bytes > free) {
      return { ...nothing, state: 'broken', why: `it takes ${megabytes(checked.bytes)} of memory and ${megabytes(Math.max(0, free))} can be spared` }
    }
    return { source: line.source, state: 'unpacked', ...await unpack(line, root, lookUp, brought) }
  } catch (error) {
    return { ...nothing, state: 'broken', why: error instanceof Error ? error.message : String(error) }
  }
}

function whyMissing({ form, path }: PackageLine): string {
  return form === 'data' && !existsSync('/run/plump/data') ? 'no partition labelled PLUMPDATA is there yet' : `there is no ${path}`
}

interface Checked {
  bytes: number
  refused?: { entry: string; why: string }
}

async function check(line: PackageLine, lookUp: Surroundings['lookUp']): Promise<Checked> {
  const judge = openPackageCheck({ lookUp, mayReplace: line.mayReplace })
  const checked: Checked = { bytes: 0 }
  await readArchive(line.path, (entry) => {
    if (checked.refused) return
    const placement = judge(entry)
    if (placement.state === 'refused') checked.refused = { entry: printablePath(entry.path), why: placement.why }
    checked.bytes += entry.bytes
  })
  return checked
}

type Unpacked = Pick<UnpackedPackage, 'files' | 'bytes' | 'starts' | 'metadata'>

async function unpack(line: PackageLine, root: string, lookUp: Surroundings['lookUp'], brought: Set<string>): Promise<Unpacked> {
  const judge = openPackageCheck({ lookUp, mayReplace: line.mayReplace })
  const unpacked: Unpacked = { files: 0, bytes: 0, starts: [] }
  let metadata: PackageMetadata | undefined
  await readArchive(line.path, async (entry, body) => {
    const placement = judge(entry)
    if (placement.state === 'refused') throw new Error(`it changed while it was read: ${printablePath(entry.path)}: ${placement.why}`)
    if (placement.state === 'present') return
    await placeEntry(root, entry, placement, body)
    if (entry.kind === 'folder') return
    brought.add(placement.path)
    unpacked.files += 1
    unpacked.bytes += entry.bytes
    const start = START_PATH.exec(placement.path)?.[1]
    if (start !== undefined) unpacked.starts.push(start)
    if (METADATA_PATH.test(placement.path) && entry.kind === 'file') metadata ??= await readMetadata(`${root}/${placement.path}`)
  })
  return metadata === undefined ? unpacked : { ...unpacked, metadata }
}

/** undefined for one that is not as it should be: the build tells of that, a boot goes on. */
async function readMetadata(file: string): Promise<PackageMetadata | undefined> {
  try {
    if ((await fs.stat(file)).size > METADATA_LIMIT_BYTES) return undefined
    return packageMetadataSchema.parse(JSON.parse(await fs.readFile(file, 'utf8')))
  } catch {
    return undefined
  }
}

function freeBytes(root: string): number {
  const { bavail, bsize } = statfsSync(root)
  return bavail * bsize - KEPT_FREE_BYTES
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
