import { hkdfSync } from 'node:crypto'
import { FINGERPRINT_BYTES } from '../../schema/discovery.ts'

/** What an announcement shows of the cluster key: 16 hexadecimal digits of HKDF-SHA256 (RFC 5869), from which the key cannot be had back. */
export function fingerprintOf(clusterKey: Uint8Array): string {
  return Buffer.from(hkdfSync('sha256', clusterKey, new Uint8Array(0), 'plump discovery v1', FINGERPRINT_BYTES)).toString('hex')
}
