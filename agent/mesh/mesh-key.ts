import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { rmSync } from 'node:fs'
import { readTextIfThere, writeAtomically } from '../os/files.ts'

const KEY_FILE = '/run/plump/mesh/private.key'
const RAW_KEY_BYTES = 32

/** A key pair of WireGuard, each 32 bytes in base64 (X25519, RFC 7748). */
export interface MeshKeys {
  privateKey: string
  publicKey: string
}

/** This boot's key pair, made at first use. It lies in memory only, so a restarted agent keeps it and a restarted node has another. */
export function meshKeys(file = KEY_FILE): MeshKeys {
  const kept = readTextIfThere(file)?.trim()
  if (kept !== undefined && Buffer.from(kept, 'base64').length === RAW_KEY_BYTES) return { privateKey: kept, publicKey: publicKeyOf(kept) }
  const made = generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'der' }).subarray(-RAW_KEY_BYTES).toString('base64')
  writeAtomically(file, `${made}\n`, 0o600)
  return { privateKey: made, publicKey: publicKeyOf(made) }
}

/** Replaces this boot's key pair by a new one. */
export function renewMeshKeys(file = KEY_FILE): MeshKeys {
  rmSync(file, { force: true })
  return meshKeys(file)
}

/** What stands before the 32 bytes of an X25519 private key in PKCS #8 (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex')

function publicKeyOf(privateKey: string): string {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, Buffer.from(privateKey, 'base64')]), format: 'der', type: 'pkcs8' })
  return createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-RAW_KEY_BYTES).toString('base64')
}
