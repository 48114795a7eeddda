import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { EXIT, PlumpError } from '../errors.ts'
import { run } from '../os/run.ts'
import { parseBootTables, parseFiles, type BootTables, type IsoFile } from './iso-report.ts'

const READ_BYTES = 1 << 20
/** None of the texts that are read whole comes near this. */
const TEXT_LIMIT_BYTES = 64 << 20

/** An ISO that can be read without mounting it. */
export interface OpenedIso {
  files: readonly IsoFile[]
  tables: BootTables
  /** A file's bytes. Throws NOT_PLUMP when it is not there. */
  read(path: string): Promise<Buffer>
  /** SHA-256 in hexadecimal of a file's bytes. */
  sha256(file: IsoFile): Promise<string>
  close(): Promise<void>
}

/** Opens an ISO. Throws NO_ISO when it is none that xorriso can read. */
export async function openIso(iso: string): Promise<OpenedIso> {
  const noIso = (cause?: unknown): PlumpError => new PlumpError('NO_ISO', `${iso} is not an ISO that can be read`, { fix: './plump build makes one in final/', exitCode: EXIT.usage, cause })
  const report = await run('xorriso', ['-indev', `stdio:${iso}`, '-report_el_torito', 'plain', '-report_system_area', 'plain', '-find', '/', '-type', 'f', '-exec', 'report_lba', '--']).catch((error: unknown) => {
    throw noIso(error)
  })
  const files = parseFiles(report)
  // xorriso takes what it does not know for an empty medium.
  if (files.length === 0) throw noIso()
  const handle = await open(iso)
  return {
    files,
    tables: parseBootTables(report),
    async read(path) {
      const file = files.find((known) => known.path === path)
      if (!file || file.bytes > TEXT_LIMIT_BYTES) {
        throw new PlumpError('NOT_PLUMP', `${iso} has no /${path}: it is not an ISO of this version of Plump`, { fix: 'inspect it with the version that made it, or build it anew: ./plump build', exitCode: EXIT.usage })
      }
      const buffer = Buffer.alloc(file.bytes)
      await handle.read(buffer, 0, file.bytes, file.offsetBytes)
      return buffer
    },
    async sha256(file) {
      const hash = createHash('sha256')
      const buffer = Buffer.allocUnsafe(READ_BYTES)
      for (let at = 0; at < file.bytes;) {
        const { bytesRead } = await handle.read(buffer, 0, Math.min(READ_BYTES, file.bytes - at), file.offsetBytes + at)
        // Cut short: the sum of what is there will differ, as it should.
        if (bytesRead === 0) break
        hash.update(buffer.subarray(0, bytesRead))
        at += bytesRead
      }
      return hash.digest('hex')
    },
    close: () => handle.close(),
  }
}
