import { appendFileSync } from 'node:fs'

const LOG_FILE = '/var/log/plump.log'

/** A capability's log: one line per event in /var/log/plump.log, which tty2 follows. Secrets never go in here. */
export interface Log {
  info(message: string): void
  /** Something is wrong but the node goes on. */
  warn(message: string): void
  /** The same log with another capability's name on its lines. */
  named(capability: string): Log
}

/** Opens the node's log for one capability; lines read `TIME LEVEL capability: message`. */
export function openLog(capability: string, file = LOG_FILE): Log {
  const write = (level: string, message: string): void => {
    appendFileSync(file, `${new Date().toISOString()} ${level} ${capability}: ${message.replace(/\n/g, ' | ')}\n`)
  }
  return {
    info: (message) => write('info', message),
    warn: (message) => write('warn', message),
    named: (other) => openLog(other, file),
  }
}
