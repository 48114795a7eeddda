import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 500

/** Polls until `holds` says true. Throws, naming `what`, when it has not within the limit. Where looking costs the nodes what they need to get there, look less often. */
export async function until(what: string, limitSeconds: number, holds: () => Promise<boolean>, pollMs = POLL_MS): Promise<void> {
  const end = Date.now() + limitSeconds * 1000
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not within ${limitSeconds} s: ${what}`)
    await delay(pollMs)
  }
}
