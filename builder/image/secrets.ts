import type { Secret } from '../../schema/inspection.ts'

/** The files of a medium that only its owner may read, and what is in each. Whatever decides whether something is a secret asks here. */
export const SECRET_FILES: Readonly<Record<Secret, string>> = { 'cluster-key': 'plump/cluster.key', 'wifi-passwords': 'plump/wifi.json' }

const SECRETS = Object.keys(SECRET_FILES) as Secret[]

/** The secrets among the files of a medium, given by their paths on it. */
export function secretsAmong(paths: Iterable<string>): Secret[] {
  const present = new Set(paths)
  return SECRETS.filter((secret) => present.has(SECRET_FILES[secret]))
}

/** As in `the key of its cluster and the passwords of Wi-Fi networks`; empty when there are none. */
export function describeSecrets(secrets: readonly Secret[], cluster?: string): string {
  const words = { 'cluster-key': cluster === undefined ? 'the key of its cluster' : `the key of cluster ${cluster}`, 'wifi-passwords': 'the passwords of Wi-Fi networks' }
  return secrets.map((secret) => words[secret]).join(' and ')
}
