import { createHash } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { encodeMessage, ERRNO, FieldReader, FieldWriter, MESSAGE, MESSAGE_LIMIT_BYTES, messageSplitter, NO_FID, VERSION, type Message, type Qid } from './ninep.ts'

/** A small text that can be read, and written if it has `write`; a throw of {@link FileError} is the error the reader or writer gets. */
export interface TextFile {
  kind: 'file'
  /** Who may write it besides root; root alone when absent. */
  uid?: number
  read(): string | Promise<string>
  write?(text: string): void | Promise<void>
}
export interface Folder {
  kind: 'folder'
  names(): string[] | Promise<string[]>
  entry(name: string): Entry | undefined
}
export type Entry = TextFile | Folder

/** The kernel's error number for what was wrong. */
export class FileError extends Error {
  readonly errno: number
  constructor(errno: number, message: string) {
    super(message)
    this.errno = errno
  }
}

const FIDS_LIMIT = 4_096
const WALK_LIMIT = 16
/** As in /proc: with a larger size than comes, the kernel would go on asking for the rest. */
const SIZE_SHOWN = 0n
const BLOCK_BYTES = 4_096n
const S_IFDIR = 0o040000
const S_IFREG = 0o100000
/** mode, nlink, uid, gid, size and the like: P9_GETATTR_BASIC. */
const GETATTR_BASIC = 0x7ffn
const FLAGS_WRITE = 3

interface Fid {
  path: string
  entry: Entry
  /** What a reader that began at the start goes on with. */
  text?: Buffer
}

/** Serves `root` to one client, the kernel, until the connection ends. A message that cannot be read ends it. */
export function serveNinep(stream: Duplex, root: Folder): void {
  const fids = new Map<number, Fid>()
  /** What is being answered, by tag. Once it is flushed its tag may mean something else, and its answer must not be sent. */
  const underWay = new Map<number, Message>()
  const split = messageSplitter()
  const serve = async (message: Message): Promise<void> => {
    const { type, tag, fields } = message
    underWay.set(tag, message)
    if (type === MESSAGE.flush && fields.length >= 2) underWay.delete(fields.readUInt16LE(0))
    let answer: Buffer
    try {
      answer = encodeMessage(type + 1, tag, await answerMessage(type, new FieldReader(fields), fids, root))
    } catch (error) {
      answer = encodeMessage(MESSAGE.error, tag, new FieldWriter().u32(error instanceof FileError ? error.errno : ERRNO.EIO).toBuffer())
    }
    if (underWay.get(tag) !== message) return
    underWay.delete(tag)
    if (stream.writable) stream.write(answer)
  }
  stream.on('error', () => stream.destroy())
  stream.on('data', (piece: Buffer) => {
    try {
      for (const message of split(piece)) void serve(message)
    } catch {
      stream.destroy()
    }
  })
}

async function answerMessage(type: number, fields: FieldReader, fids: Map<number, Fid>, root: Folder): Promise<Buffer> {
  const out = new FieldWriter()
  const held = (): Fid => fidOf(fids, fields.u32())
  switch (type) {
    case MESSAGE.version: {
      const size = Math.min(fields.u32(), MESSAGE_LIMIT_BYTES)
      fids.clear()
      return out.u32(size).text(fields.text() === VERSION ? VERSION : 'unknown').toBuffer()
    }
    case MESSAGE.attach: {
      const fid = fields.u32()
      if (fields.u32() !== NO_FID) throw new FileError(ERRNO.EOPNOTSUPP, 'no authentication here')
      keep(fids, fid, { path: '/', entry: root })
      return out.qid(qidOf('/', root)).toBuffer()
    }
    case MESSAGE.walk: return walk(fields, fids, out)
    case MESSAGE.open: {
      const { path, entry } = held()
      const writes = (fields.u32() & FLAGS_WRITE) !== 0
      if (writes && entry.kind === 'folder') throw new FileError(ERRNO.EISDIR, path)
      if (writes && !('write' in entry && entry.write)) throw new FileError(ERRNO.EACCES, path)
      return out.qid(qidOf(path, entry)).u32(0).toBuffer()
    }
    case MESSAGE.getattr: {
      const { path, entry } = held()
      const mode = entry.kind === 'folder' ? S_IFDIR | 0o555 : S_IFREG | (entry.write ? 0o644 : 0o444)
      out.u64(GETATTR_BASIC).qid(qidOf(path, entry)).u32(mode).u32((entry.kind === 'file' ? entry.uid : undefined) ?? 0).u32(0).u64(1n).u64(0n).u64(SIZE_SHOWN)
      out.u64(BLOCK_BYTES).u64(0n)
      // Times of access, change and the like, which these files have none of.
      for (let time = 0; time < 10; time++) out.u64(0n)
      return out.toBuffer()
    }
    case MESSAGE.setattr: {
      // A shell empties a file before it writes to it; there is nothing to be emptied.
      const { path, entry } = held()
      if (entry.kind === 'folder' || !entry.write) throw new FileError(ERRNO.EPERM, path)
      return out.toBuffer()
    }
    case MESSAGE.readdir: return readFolder(held(), fields, out)
    case MESSAGE.read: {
      const fid = held()
      const [offset, count] = [Number(fields.u64()), fields.u32()]
      if (fid.entry.kind === 'folder') throw new FileError(ERRNO.EISDIR, fid.path)
      if (offset === 0 || !fid.text) fid.text = Buffer.from(await fid.entry.read())
      const part = fid.text.subarray(offset, offset + Math.min(count, MESSAGE_LIMIT_BYTES - 64))
      return out.u32(part.length).bytes(part).toBuffer()
    }
    case MESSAGE.write: {
      const { path, entry } = held()
      fields.u64()
      const data = fields.bytes(fields.u32())
      if (entry.kind === 'folder' || !entry.write) throw new FileError(ERRNO.EACCES, path)
      await entry.write(data.toString('utf8').trim())
      return out.u32(data.length).toBuffer()
    }
    case MESSAGE.clunk: {
      fids.delete(fields.u32())
      return out.toBuffer()
    }
    case MESSAGE.flush: case MESSAGE.fsync: return out.toBuffer()
    case MESSAGE.statfs: {
      held()
      return out.u32(0x01021997).u32(4_096).u64(0n).u64(0n).u64(0n).u64(0n).u64(0n).u64(0n).u32(255).toBuffer()
    }
    default: throw new FileError(ERRNO.EOPNOTSUPP, `message ${type}`)
  }
}

function walk(fields: FieldReader, fids: Map<number, Fid>, out: FieldWriter): Buffer {
  const from = fidOf(fids, fields.u32())
  const newFid = fields.u32()
  const names = Array.from({ length: Math.min(fields.u16(), WALK_LIMIT) }, () => fields.text())
  const qids: Qid[] = []
  let at: Fid = { path: from.path, entry: from.entry }
  for (const name of names) {
    const next = at.entry.kind === 'folder' ? at.entry.entry(name) : undefined
    if (!next) break
    at = { path: `${at.path === '/' ? '' : at.path}/${name}`, entry: next }
    qids.push(qidOf(at.path, next))
  }
  if (names.length > 0 && qids.length === 0) throw new FileError(ERRNO.ENOENT, names[0] ?? '')
  if (qids.length === names.length) keep(fids, newFid, at)
  out.u16(qids.length)
  for (const qid of qids) out.qid(qid)
  return out.toBuffer()
}

async function readFolder({ path, entry }: Fid, fields: FieldReader, out: FieldWriter): Promise<Buffer> {
  if (entry.kind !== 'folder') throw new FileError(ERRNO.ENOTDIR, path)
  const [offset, count] = [Number(fields.u64()), fields.u32()]
  const names = ['.', '..', ...await entry.names()]
  const list = new FieldWriter()
  let bytes = 0
  for (const [index, name] of names.entries()) {
    if (index < offset) continue
    const child = name.startsWith('.') ? entry : entry.entry(name)
    if (!child) continue
    const size = 13 + 8 + 1 + 2 + Buffer.byteLength(name)
    if (bytes + size > Math.min(count, MESSAGE_LIMIT_BYTES - 64)) break
    bytes += size
    list.qid(qidOf(`${path === '/' ? '' : path}/${name}`, child)).u64(BigInt(index + 1)).u8(child.kind === 'folder' ? 4 : 8).text(name)
  }
  return out.u32(bytes).bytes(list.toBuffer()).toBuffer()
}

function fidOf(fids: Map<number, Fid>, number: number): Fid {
  const fid = fids.get(number)
  if (!fid) throw new FileError(ERRNO.EBADF, `no such fid: ${number}`)
  return fid
}

function keep(fids: Map<number, Fid>, number: number, fid: Fid): void {
  if (fids.size >= FIDS_LIMIT && !fids.has(number)) throw new FileError(ERRNO.EIO, 'too many open files')
  fids.set(number, fid)
}

/** A path's number, the same as long as there is such a path. */
function qidOf(path: string, entry: Entry): Qid {
  return { folder: entry.kind === 'folder', path: createHash('sha256').update(path).digest().readBigUInt64LE(0) }
}
