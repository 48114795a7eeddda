import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { EXIT, PlumpError } from '../errors.ts'

const KEY_BYTES = 32

/** Where a cluster's key is kept: `$XDG_CONFIG_HOME/plump/keys/NAME.key`, outside any checkout. */
export function clusterKeyFile(clusterName: string, environment: NodeJS.ProcessEnv = process.env): string {
  const config = environment['XDG_CONFIG_HOME'] || join(homedir(), '.config')
  return join(config, 'plump', 'keys', `${clusterName}.key`)
}

/**
 * The key of a cluster in base64, made now if there is none; while it is being changed two lines, the new key and the one before, as nodes read them.
 * Throws KEY_MODE or KEY_CONTENT when the file is unusable.
 */
export async function clusterKeyFor(clusterName: string): Promise<string> {
  const file = clusterKeyFile(clusterName)
  return (await readClusterKey(file)) ?? (await makeClusterKey(file))
}

/** What {@link clusterKeyFor} gives, undefined when there is no such file. */
export async function readClusterKey(file: string): Promise<string | undefined> {
  const info = await stat(file).catch(() => undefined)
  if (!info) return undefined
  if (info.mode & 0o077) {
    throw new PlumpError('KEY_MODE', `the cluster key ${file} can be read by other users of this machine`, {
      fix: `chmod 600 ${file}; if others may have read it, make a new one: ./plump key new`, exitCode: EXIT.usage,
    })
  }
  const keys = (await readFile(file, 'utf8')).trim()
  if (keys.split('\n').length > 2 || !keys.split('\n').every(isClusterKey)) {
    throw new PlumpError('KEY_CONTENT', `${file} is not a cluster key; it must be the base64 of ${KEY_BYTES} bytes on one line, and on a second one the key before while it is being changed`, {
      fix: 'restore it, or make a new one: ./plump key new (nodes with the old key will be strangers)', exitCode: EXIT.usage,
    })
  }
  return keys
}

/** Writes a new random key, replacing the one that was there, and gives it. The folder has mode 700, the file 600. */
export async function makeClusterKey(file: string): Promise<string> {
  const key = randomBytes(KEY_BYTES).toString('base64')
  await keep(file, key)
  return key
}

/** Puts a new random key before the one in the file; both stay until {@link dropOldKey}. Throws KEY_MISSING or KEY_ROTATING. */
export async function rotateClusterKey(file: string): Promise<void> {
  const keys = await readClusterKey(file)
  if (keys === undefined) {
    throw new PlumpError('KEY_MISSING', `${file} is not there: the cluster has no key that could be changed`, { fix: './plump build makes one', exitCode: EXIT.usage })
  }
  if (keys.includes('\n')) {
    throw new PlumpError('KEY_ROTATING', 'the key is being changed already; the key before must be dropped first', { fix: './plump key rotate --finish', exitCode: EXIT.usage })
  }
  await keep(file, `${randomBytes(KEY_BYTES).toString('base64')}\n${keys}`)
}

/**
 * Drops the key before: ISOs built from now on carry the new one alone. Throws KEY_NOT_ROTATING, and KEY_TOO_SOON when less than `hours` have passed since
 * the rotation, unless `early`.
 */
export async function dropOldKey(file: string, hours: number, early: boolean): Promise<void> {
  const keys = await readClusterKey(file)
  const [newest, old] = keys?.split('\n') ?? []
  if (newest === undefined || old === undefined) {
    throw new PlumpError('KEY_NOT_ROTATING', 'there is no key before to be dropped', { fix: './plump key rotate begins the change of a key', exitCode: EXIT.usage })
  }
  const passedHours = (Date.now() - (await stat(file)).mtimeMs) / 3_600_000
  if (passedHours < hours && !early) {
    throw new PlumpError('KEY_TOO_SOON', `the key was changed ${Math.floor(passedHours)} hours ago; a running cluster understands the one before for ${hours}`, {
      fix: 'wait, or if all nodes run an ISO with the new key: ./plump key rotate --finish --early', exitCode: EXIT.usage,
    })
  }
  await keep(file, newest)
}

async function keep(file: string, keys: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const aside = `${file}.${process.pid}`
  try {
    await writeFile(aside, `${keys}\n`, { mode: 0o600, flag: 'wx' })
    await rename(aside, file)
  } finally {
    await rm(aside, { force: true })
  }
}

function isClusterKey(text: string): boolean {
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === KEY_BYTES && bytes.toString('base64') === text
}
