import { basename } from 'node:path'

/**
 * Test files that a run without much time does without first: the longest, each a closer look at something that a shorter one tells to work at all. Beside each, the minutes that a slow
 * computer needs for one test of it: with less time left, it does not begin.
 */
export const LAST: Readonly<Record<string, number>> = {
  'lab-lifetime': 2, 'nic-models': 2, 'robust-node': 2, 'interrupted-build': 2, 'network-links': 2, wifi: 2, 'clock-and-address': 2, addresses: 2, 'cluster-key': 2, 'moving-jobs': 6,
  'job-crashes': 12, 'job-kinds': 28,
}

/** Its place among {@link LAST}; -1 for all others. */
export function rankOf(file: string): number {
  return Object.keys(LAST).indexOf(nameOf(file))
}

/** Milliseconds that must be left for a test of this file to begin. */
export function neededMs(file: string): number {
  return (LAST[nameOf(file)] ?? 0) * 60_000
}

function nameOf(file: string): string {
  return basename(file, '.test.ts')
}
