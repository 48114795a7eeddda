import { closeSync, fstatSync, mkdirSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { namesIn, readTextIfThere } from '../os/files.ts'
import { run } from '../os/run.ts'
import { hardwareList } from './hardware.ts'
import { PIECES, type Piece } from './pieces.ts'
import { redact } from './redact.ts'

const BUSYBOX = '/usr/bin/busybox'
const PIECE_LIMIT_BYTES = 4 * 1024 * 1024
const PROGRAM_LIMIT_MS = 30_000
const TAR_LIMIT_MS = 60_000
const SCRATCH = '/run/plump'

/** Files with a secret in them, each with keys and nothing else, or as JSON with secrets in these fields. */
const SECRET_FILES: readonly { path: string; fields?: readonly string[] }[] = [
  { path: '/etc/plump/cluster.key' },
  { path: '/run/plump/serf/keyring.json' },
  { path: '/run/plump/mesh/private.key' },
  { path: '/run/plump/serf/serf.json', fields: ['rpc_auth'] },
  { path: '/etc/plump/wifi.json', fields: ['psk'] },
]

/** Makes the archive NAME.tar.gz in a folder of its own and gives its path and how to remove it. Throws when it cannot be written. */
export async function makeArchive(name: string): Promise<{ path: string; remove: () => void }> {
  const scratch = mkdtempSync(join(SCRATCH, 'support-'))
  const remove = (): void => rmSync(scratch, { recursive: true, force: true })
  try {
    const folder = join(scratch, name)
    const secrets = knownSecrets()
    const missing: string[] = []
    for (const piece of PIECES) {
      const text = await textOf(piece).catch((error: unknown) => {
        missing.push(`${piece.name}: ${error instanceof Error ? error.message : String(error)}`)
        return undefined
      })
      if (text !== undefined) write(folder, piece.name, redact(text, secrets))
    }
    write(folder, 'hardware.txt', hardwareList())
    for (const bond of namesIn('/proc/net/bonding')) write(folder, `network/${bond}.txt`, readTextIfThere(`/proc/net/bonding/${bond}`) ?? '')
    write(folder, 'README.txt', redact(readme(missing), secrets))
    const path = join(scratch, `${name}.tar.gz`)
    await run(BUSYBOX, ['tar', '-czf', path, '-C', scratch, name], TAR_LIMIT_MS)
    rmSync(folder, { recursive: true })
    return { path, remove }
  } catch (error) {
    remove()
    throw error
  }
}

/** The secrets that lie on this node, so that they are found wherever they got to. */
function knownSecrets(): string[] {
  return SECRET_FILES.flatMap(({ path, fields }) => {
    const text = readTextIfThere(path)
    if (text === undefined) return []
    return fields === undefined ? text.split(/[\s",[\]]+/).filter((word) => word !== '') : fields.flatMap((field) => valuesOf(text, field))
  })
}

/** The values of a field anywhere in a JSON text. */
export function valuesOf(json: string, field: string): string[] {
  const values: string[] = []
  JSON.parse(json, (key, value: unknown) => {
    if (key === field && typeof value === 'string') values.push(value)
    return value
  })
  return values
}

/** The last {@link PIECE_LIMIT_BYTES} of a file or of what a program says; undefined for a file that is not there. */
async function textOf(piece: Piece): Promise<string | undefined> {
  if (piece.from === 'program') return (await run(piece.program, piece.args, PROGRAM_LIMIT_MS)).slice(-PIECE_LIMIT_BYTES)
  if (!statSync(piece.path, { throwIfNoEntry: false })?.isFile()) return undefined
  const file = openSync(piece.path, 'r')
  try {
    const { size } = fstatSync(file)
    // Files of the kernel say that they are empty.
    if (size <= PIECE_LIMIT_BYTES) return readFileSync(file, 'utf8').slice(-PIECE_LIMIT_BYTES)
    const tail = Buffer.alloc(PIECE_LIMIT_BYTES)
    readSync(file, tail, 0, tail.length, size - tail.length)
    return tail.toString('utf8')
  } finally {
    closeSync(file)
  }
}

function write(folder: string, name: string, text: string): void {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  writeFileSync(path, text, { mode: 0o600 })
}

function readme(missing: readonly string[]): string {
  return [
    'What plump support collected on this node, to look for what is wrong with it: logs, hardware, network and state.',
    'Keys and passwords were replaced by [removed], and so was every text that looks like a key. Files of users and jobs are not in it.',
    'Addresses, MAC addresses and names of machines are; look through it before you publish it.',
    ...(missing.length === 0 ? [] : ['', 'Not to be had on this node:', ...missing.map((line) => `  ${line}`)]),
    '',
  ].join('\n')
}
