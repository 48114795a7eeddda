import type { PlumpYaml } from '../../schema/plump-yaml.ts'
import type { BuildEvent } from '../../schema/build-event.ts'
import type { Secret } from '../../schema/inspection.ts'
import { SECRET_FILES, secretsAmong } from '../image/secrets.ts'

/** What every step of one build may use besides the results of other steps. Made by `openBuild` in open-build.ts. */
export interface Build {
  /** plump.yaml with all defaults filled in, without the passwords of Wi-Fi networks. */
  config: PlumpYaml
  version: string
  /** Names of the kernels of the image, Debian's first. */
  kernels: readonly string[]
  paths: {
    /** The checkout: rootfs-overlay, templates, agent … */
    project: string
    /** `.cache` in the checkout: results of steps. */
    cache: string
    /** `$XDG_CACHE_HOME/plump`: downloads, shared by all checkouts. */
    downloads: string
    final: string
    /** Kernels of the user's own, a folder each. */
    kernels: string
    /** Add-on packages of the user's own, and their list. */
    packages: string
  }
  /** Trades size for time: lower compression. */
  fast: boolean
  /** Asks the mirror for its package lists even when the ones at hand are fresh. */
  refresh: boolean
  /** The one time stamp written into every archive and file system, so that the clock is no input. */
  epochSeconds: number
  /** Base64 of the 32-byte cluster key; undefined with `cluster.key: ask`. A secret: it goes into the ISO and nowhere else. */
  clusterKey: string | undefined
  /** Text of plump/wifi.json, the Wi-Fi networks with their passwords; undefined without any. A secret, as the key is. */
  wifi: string | undefined
  signal: AbortSignal
  emit(event: BuildEvent): void
}

/** What the ISO carries that only its owner may know. */
export function secretsOf({ clusterKey, wifi }: Pick<Build, 'clusterKey' | 'wifi'>): Secret[] {
  return secretsAmong([...(clusterKey === undefined ? [] : [SECRET_FILES['cluster-key']]), ...(wifi === undefined ? [] : [SECRET_FILES['wifi-passwords']])])
}
