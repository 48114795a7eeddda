import { rmSync } from 'node:fs'
import * as z from 'zod'
import type { KeyRing } from '../keys/key-ring.ts'
import { readTextIfThere, writeAtomically } from '../os/files.ts'
import { gossipKeyOf } from './serf-config.ts'

/** Serf's keyring: a JSON array of keys in base64, the one it speaks first. Serf reads it when it starts and writes it whenever its keys change. */
export const SERF_KEYRING = '/run/plump/serf/keyring.json'

const keyringSchema = z.array(z.base64()).min(1).max(16)

/** What is in the keyring; nothing when there is none or it cannot be read. */
export function heldKeys(file = SERF_KEYRING): string[] {
  try {
    return keyringSchema.parse(JSON.parse(readTextIfThere(file) ?? '[]'))
  } catch {
    return []
  }
}

/** Whether the keyring that lies there holds a key of ours. */
export function isOurKeyring(file: string, keys: KeyRing): boolean {
  const held = heldKeys(file)
  return gossipKeys(keys).some((key) => held.includes(key))
}

/**
 * Puts a keyring in place before serf starts. One of ours stays: serf keeps it up to date itself. With another cluster's goes the configuration it
 * belongs to, so that the serf that runs with it is not taken for ours.
 */
export function ensureKeyring(file: string, configFile: string, keys: KeyRing): void {
  if (isOurKeyring(file, keys)) return
  rmSync(configFile, { force: true })
  writeAtomically(file, `${JSON.stringify(gossipKeys(keys))}\n`, 0o600)
}

/** The spoken one first. */
function gossipKeys(keys: KeyRing): string[] {
  if (!keys.takesOld) return [gossipKeyOf(keys.newest)]
  const other = keys.spoken === keys.newest ? keys.old : keys.newest
  return [keys.spoken, ...(other ? [other] : [])].map(gossipKeyOf)
}
