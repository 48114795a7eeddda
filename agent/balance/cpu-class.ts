import { createHash } from 'node:crypto'
import { usableFlags } from '../migration/cpu-features.ts'

/**
 * A digest of what programs can use of this node's CPU: jobs go by themselves only between nodes with the same one. Whether a job really
 * runs on a certain node is checked again by migration when it is offered there.
 */
export function cpuClassOf(cpuinfo: string): number {
  return createHash('sha256').update(usableFlags(cpuinfo).join(' ')).digest().readUInt32BE(0)
}
