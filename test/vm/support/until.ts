import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 500

/** Polls until `holds` says true. Throws, naming `what`, when it has not within the limit. */
export async function until(what: string, limitSeconds: number, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + limitSeconds * 1000
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not within ${limitSeconds} s: ${what}`)
    await delay(POLL_MS)
  }
}
