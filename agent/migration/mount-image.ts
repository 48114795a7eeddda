import { field, fields, messages, type Fields } from './protobuf.ts'

/** Mounts in CRIU's image of a mount namespace, `mountpoints-N.img` (criu's images/mnt.proto), as far as they concern what the node mounts into a job. */

const FIELD = { type: 1, id: 2, device: 3, parent: 4, flags: 5, root: 6, path: 7, source: 8, options: 9, key: 18 } as const
/** CRIU does not look into what is external, which having a key makes a mount (with its older mark, `ext_mount`, as well it ends with a BUG). */
const TYPE_UNSUPPORTED = 0
/** No device of a kernel's; each mount that is added gets one of its own, since equal ones are taken for the same file system. */
const FIRST_ADDED_DEVICE = 0x0f00_0000

export interface ImageMount {
  id: number
  path: string
  /** The name under which source and target know it; absent for the job's own mounts. */
  key: string | undefined
}

/** The key of a mount of the node's: its path in the job, without the first slash. */
export function keyOf(path: string): string {
  return path.slice(1)
}

/** Throws RangeError for what is no such image. */
export function mountsOfImage(image: Uint8Array): ImageMount[] {
  return messages(image).map((message) => {
    const entry = fields(message)
    return { id: Number(entry.get(FIELD.id)), path: absolute(text(entry, FIELD.path) ?? ''), key: text(entry, FIELD.key) }
  })
}

/** The image with mounts added that a job is to have on this node and did not have where it comes from. */
export function withMounts(image: Uint8Array, wanted: readonly string[]): Uint8Array {
  const mounts = mountsOfImage(image)
  const added: Uint8Array[] = []
  for (const path of wanted) {
    if (mounts.some((mount) => mount.path === path)) continue
    const id = Math.max(...mounts.map((mount) => mount.id)) + 1
    added.push(entryOf({ id, parent: parentOf(path, mounts), path, device: FIRST_ADDED_DEVICE + added.length }))
    mounts.push({ id, path, key: keyOf(path) })
  }
  return Buffer.concat([image, ...added.flatMap((entry) => [lengthOf(entry), entry])])
}

function entryOf({ id, parent, path, device }: { id: number; parent: number; path: string; device: number }): Uint8Array {
  return Buffer.concat([
    field(FIELD.type, TYPE_UNSUPPORTED), field(FIELD.id, id), field(FIELD.device, device), field(FIELD.parent, parent), field(FIELD.flags, 0),
    field(FIELD.root, '/'), field(FIELD.path, path), field(FIELD.source, 'none'), field(FIELD.options, ''), field(FIELD.key, keyOf(path)),
  ])
}

/** The mount that a path lies on: the one with the longest path that it begins with. */
function parentOf(path: string, mounts: readonly ImageMount[]): number {
  const above = mounts.filter((mount) => mount.path === '/' || path.startsWith(`${mount.path}/`)).toSorted((a, b) => b.path.length - a.path.length)
  if (above[0] === undefined) throw new RangeError('a mount namespace without a root')
  return above[0].id
}

function lengthOf(message: Uint8Array): Uint8Array {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(message.length)
  return length
}

function text(entry: Fields, number: number): string | undefined {
  const value = entry.get(number)
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : undefined
}

/** CRIU writes `/` or `./dev`, depending on its version. */
function absolute(path: string): string {
  return path.startsWith('.') ? path.slice(1) || '/' : path
}
