import { renameSync, statSync } from 'node:fs'

const LOG_FILE = '/var/log/plump.log'
const LOG_LIMIT_BYTES = 4 * 1024 * 1024
const CHECK_EVERY_MS = 60_000

/** Keeps the log, which lies in RAM, from growing without bound: beyond 4 MiB it becomes plump.log.1. Gives the function that ends this. */
export function keepLogSmall(): () => void {
  const timer = setInterval(() => {
    if ((statSync(LOG_FILE, { throwIfNoEntry: false })?.size ?? 0) > LOG_LIMIT_BYTES) renameSync(LOG_FILE, `${LOG_FILE}.1`)
  }, CHECK_EVERY_MS)
  return () => clearInterval(timer)
}
