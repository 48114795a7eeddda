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

/** The key of a cluster in base64, made now if there is none. Throws KEY_MODE or KEY_CONTENT when the file is unusable. */
export async function clusterKeyFor(clusterName: string): Promise<string> {
  const file = clusterKeyFile(clusterName)
  return (await readClusterKey(file)) ?? (await makeClusterKey(file))
}

/** The key in a file, undefined when there is no such file. */
export async function readClusterKey(file: string): Promise<string | undefined> {
  const info = await stat(file).catch(() => undefined)
  if (!info) return undefined
  if (info.mode & 0o077) {
    throw new PlumpError('KEY_MODE', `the cluster key ${file} can be read by other users of this machine`, {
      fix: `chmod 600 ${file}; if others may have read it, make a new one: ./plump key new`, exitCode: EXIT.usage,
    })
  }
  const key = (await readFile(file, 'utf8')).trim()
  if (!isClusterKey(key)) {
    throw new PlumpError('KEY_CONTENT', `${file} is not a cluster key; it must be the base64 of ${KEY_BYTES} bytes on one line`, {
      fix: 'restore it, or make a new one: ./plump key new (nodes with the old key will be strangers)', exitCode: EXIT.usage,
    })
  }
  return key
}

/** Writes a new random key, replacing the one that was there, and gives it. The folder has mode 700, the file 600. */
export async function makeClusterKey(file: string): Promise<string> {
  const key = randomBytes(KEY_BYTES).toString('base64')
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const aside = `${file}.${process.pid}`
  try {
    await writeFile(aside, `${key}\n`, { mode: 0o600, flag: 'wx' })
    await rename(aside, file)
  } finally {
    await rm(aside, { force: true })
  }
  return key
}

function isClusterKey(text: string): boolean {
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === KEY_BYTES && bytes.toString('base64') === text
}
