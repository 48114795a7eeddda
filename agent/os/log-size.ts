import { closeSync, openSync, readSync, statSync, truncateSync, writeFileSync } from 'node:fs'

const LOG_FILE = '/var/log/plump.log'
const LOG_LIMIT_BYTES = 4 * 1024 * 1024
/** Often, because the log lies in memory and serf has a line for every bad packet that somebody on the network sends. */
const CHECK_EVERY_MS = 5_000

/** Keeps the node's log from growing without bound. Gives the function that ends this. */
export function keepLogSmall(): () => void {
  const timer = setInterval(() => cutLog(LOG_FILE, LOG_LIMIT_BYTES), CHECK_EVERY_MS)
  return () => clearInterval(timer)
}

/**
 * Once a log exceeds the limit, its last `limitBytes` become FILE.1 and it starts anew. It is emptied and not renamed: serf and
 * dropbear hold it open for as long as they run, and would go on filling a renamed file that nobody looks at any more.
 */
export function cutLog(file: string, limitBytes: number): void {
  const sizeBytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0
  if (sizeBytes <= limitBytes) return
  const tail = Buffer.alloc(limitBytes)
  const log = openSync(file, 'r')
  try {
    readSync(log, tail, 0, limitBytes, sizeBytes - limitBytes)
  } finally {
    closeSync(log)
  }
  writeFileSync(`${file}.1`, tail, { mode: 0o600 })
  truncateSync(file)
}
