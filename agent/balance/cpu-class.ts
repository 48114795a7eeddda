import { createHash } from 'node:crypto'

/**
 * A digest of what programs can tell of this node's CPU: nodes with the same digest can take each other's jobs. Another one says only
 * that migration has to look closer, so it is the whole list of flags, whatever they mean.
 */
export function cpuClassOf(cpuinfo: string): number {
  const flags = /^flags\s*:(.*)$/m.exec(cpuinfo)?.[1] ?? ''
  return createHash('sha256').update(flags.trim().split(/\s+/).toSorted().join(' ')).digest().readUInt32BE(0)
}
